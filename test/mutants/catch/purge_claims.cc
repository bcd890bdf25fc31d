// SPDX-License-Identifier: Apache-2.0
// While free memory is given back to the system, an allocation interrupts: it must not get the memory that is going
// (37).
#include <cstring>

#include "catcher.h"
#include "hooks.h"

using namespace catcher;

namespace {

constexpr size_t kBytes = 1 << 20;
unsigned char* allocated_meanwhile;

void allocate(void*) {
  if (allocated_meanwhile != nullptr) return;
  allocated_meanwhile = static_cast<unsigned char*>(opaque(reslab_malloc(kBytes)));
  memset(allocated_meanwhile, 0x5a, kBytes);
}

}  // namespace

int main(int argc, char** argv) {
  start(argc, argv, "dirty_min=0:dirty_percent=0");
  void* going = reslab_malloc(kBytes);
  memset(going, 1, kBytes);
  {
    const support::Hook hook("purge", allocate);
    reslab_free(going);
  }
  expect(allocated_meanwhile != nullptr, "nothing was given back");
  for (size_t i = 0; i < kBytes; ++i) expect(allocated_meanwhile[i] == 0x5a, "memory in use was taken away");
  reslab_free(allocated_meanwhile);
  expect_sound_heap();
}
