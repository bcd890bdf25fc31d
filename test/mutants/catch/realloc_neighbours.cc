// SPDX-License-Identifier: Apache-2.0
// An object that moves to a smaller one takes along what fits and no byte more: its new neighbours stay as they were.
#include <cstring>

#include "catcher.h"

using namespace catcher;

namespace {

constexpr size_t kSmall = 16, kCount = 64, kLarge = 4096;

bool holds(const unsigned char* bytes, unsigned char value, size_t length) {
  for (size_t i = 0; i < length; ++i) {
    if (bytes[i] != value) return false;
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  start(argc, argv);
  unsigned char* small[kCount];
  for (auto*& object : small) {
    object = static_cast<unsigned char*>(opaque(reslab_malloc(kSmall)));
    memset(object, 0x11, kSmall);
  }
  // Every other one goes, so that whichever serves next has neighbours.
  for (size_t i = 0; i < kCount; i += 2) reslab_free(small[i]);
  for (size_t i = 0; i < kCount / 4; ++i) {
    auto* large = static_cast<unsigned char*>(opaque(reslab_malloc(kLarge)));
    memset(large, 0x22, kLarge);
    auto* shrunk = static_cast<unsigned char*>(opaque(reslab_realloc(large, kSmall)));
    expect(holds(shrunk, 0x22, kSmall), "the bytes that fit have not moved along");
  }
  for (size_t i = 1; i < kCount; i += 2) expect(holds(small[i], 0x11, kSmall), "a neighbour was overwritten");
}
