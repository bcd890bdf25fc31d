// SPDX-License-Identifier: Apache-2.0
// At each of the library's hooks in turn, an allocation that comes in between, as a handler's would: it allocates,
// fills, and frees or keeps, in the middle of whatever operation was under way (P2). Afterwards nobody's bytes have
// changed, every object is accounted for, and the heap is sound.
#include <cstring>
#include <vector>

#include "catcher.h"
#include "hooks.h"

using namespace catcher;

namespace {

struct Filled {
  unsigned char* bytes = nullptr;
  size_t length = 0;
  unsigned char value = 0;

  void take(void* memory, size_t n) {
    static unsigned char last = 0;
    bytes = static_cast<unsigned char*>(opaque(memory));
    length = n;
    value = ++last;
    if (bytes != nullptr) memset(bytes, value, n);
  }
  void give(void (*free_it)(void*)) {
    for (size_t i = 0; bytes != nullptr && i < length; ++i) {
      expect(bytes[i] == value, "an object of %zu bytes was given out twice", length);
    }
    free_it(bytes);
  }
};

constexpr size_t kSizes[] = {16, 64, 1024, 20000, 300000};
constexpr size_t kMostKept = 400;

struct Interruption {
  bool inside = false;
  size_t passes = 0;
  size_t kept_count = 0;
  Filled kept[kMostKept];

  void come() {
    if (inside) return;
    inside = true;
    const size_t bytes = kSizes[passes++ % 5];
    Filled brief, other;
    brief.take(reslab_malloc(bytes), bytes);
    other.take(reslab_malloc_nolock(64, 0), 64);
    brief.give(reslab_free);
    if (kept_count < kMostKept && passes % 3 == 0) kept[kept_count++] = other;
    else other.give(reslab_free_nolock);
    inside = false;
  }
};

void come_in_between(void* context) { static_cast<Interruption*>(context)->come(); }

void work() {
  std::vector<Filled> objects;
  for (const size_t bytes : kSizes) {
    for (int i = 0; i < (bytes < 2000 ? 700 : 30); ++i) {
      objects.emplace_back().take(i % 4 == 0 ? reslab_malloc_nolock(bytes, RESLAB_GROW) : reslab_malloc(bytes), bytes);
    }
  }
  for (size_t i = 0; i < objects.size(); ++i) objects[i].give(i % 2 == 0 ? reslab_free : reslab_free_nolock);
  reslab_trim(0);
}

void interrupt_at(const char* hook) {
  set_scene("at '%s'", hook);
  const auto before = live_objects();
  Interruption interruption;
  {
    const support::Hook armed(hook, come_in_between, &interruption);
    work();
  }
  for (size_t i = 0; i < interruption.kept_count; ++i) interruption.kept[i].give(reslab_free);
  expect_same_live(before);
}

}  // namespace

int main(int argc, char** argv) {
  start(argc, argv);
  work();
  for (const std::string& hook : support::hook_names()) interrupt_at(hook.c_str());
}
