// SPDX-License-Identifier: Apache-2.0
// No two live objects share a byte: each is filled with a number of its own, and all numbers are still there when the
// last object has been given out. Enough objects for many refills, over fresh and over recycled slabs.
#include <cstring>
#include <vector>

#include "catcher.h"

using namespace catcher;

namespace {

struct Filled {
  unsigned char* bytes;
  size_t length;
  unsigned char pattern[16];
};

void fill_and_compare(size_t length, size_t count) {
  std::vector<Filled> objects;
  for (size_t i = 0; i < count; ++i) {
    Filled one = {static_cast<unsigned char*>(opaque(reslab_malloc(length))), length, {}};
    expect(one.bytes != nullptr, "an allocation of %zu bytes failed", length);
    const uint64_t numbers[2] = {i * 0x9e3779b97f4a7c15 + 1, ~i};
    memcpy(one.pattern, numbers, sizeof numbers);
    memcpy(one.bytes, one.pattern, 16);
    memcpy(one.bytes + length - 16, one.pattern, 16);
    objects.push_back(one);
  }
  for (size_t i = 0; i < count; ++i) {
    const Filled& one = objects[i];
    const bool whole = memcmp(one.bytes, one.pattern, 16) == 0 && memcmp(one.bytes + length - 16, one.pattern, 16) == 0;
    expect(whole, "object %zu of %zu bytes was given out twice", i, length);
  }
  for (const Filled& one : objects) reslab_free(one.bytes);
}

}  // namespace

int main(int argc, char** argv) {
  start(argc, argv);
  for (const size_t length : {16, 64, 128, 1024, 8192}) {
    for (int round = 0; round < 3; ++round) fill_and_compare(length, 600);
  }
  expect_sound_heap();
}
