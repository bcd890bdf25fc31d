// SPDX-License-Identifier: Apache-2.0
// The active slab has been taken out of its slot, and whoever did so stands still before it says so in the slab's state.
// Others find the slab as lost, retire it, make its units another slab of the class and install that in the same slot.
// Then the release goes on, and takes the next slab for its own.
#include "cache/active_slab.h"
#include "cache/lost_slabs.h"
#include "catcher.h"
#include "heap/root.h"
#include "hooks.h"

using namespace catcher;
using namespace reslab;

namespace {

constexpr ClassId kClass = class_of_size(1024);
constexpr uint32_t kSlot = 0;

struct Scene {
  uint32_t unit;
  SlabIdentity identity;
  bool is_changed;
};

void make_again(void* context) {
  auto& scene = *static_cast<Scene*>(context);
  if (scene.is_changed) return;
  scene.is_changed = true;
  relist_lost_slabs(arena().frontier());
  expect(slab_pop_partial(kClass, 0) == scene.unit, "the slab was not found as lost");
  expect(slab_retire(scene.unit, scene.identity), "a slab with all its bits is not retired");
  SlabIdentity next;
  expect(slab_create(kClass, 0, Contract::kPlain, &next) == scene.unit,
         "the units were not used again: this test needs another way");
  expect(!(next == scene.identity), "two slabs of one identity");
  install_active(kSlot, scene.unit, next);
}

}  // namespace

int main(int argc, char** argv) {
  start(argc, argv);
  reslab_trim(0);  // there is no other slab of the class
  Scene scene = {};
  scene.unit = slab_create(kClass, 0, Contract::kPlain, &scene.identity);
  expect(scene.unit != 0, "no slab");
  install_active(kSlot, scene.unit, scene.identity);
  {
    const support::Hook deactivating("slab_deactivate", make_again, &scene);
    release_active(kSlot, kClass);
  }
  expect(scene.is_changed, "a release deactivates no slab");
  expect_sound_heap();
}
