// SPDX-License-Identifier: Apache-2.0
// How long the order of addresses lasts: a queue of objects of 16 to 256 bytes whose oldest is freed for each new one. Of
// objects of one size class that follow each other in it, how many lie within a page of one another after N times its length?
// A reader that goes along the queue runs from page to page the less, the more do.
//
//   LD_PRELOAD=LIBRARY neighbours N...
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "which_malloc.h"
#include "workloads/random.h"

namespace {

constexpr size_t kDepth = 200'000;
constexpr size_t kMostBytes = 256;
constexpr intptr_t kPage = 4096;

char* queue[kDepth];
size_t sizes[kDepth];

void turn_over(workload::Random& random) {
  for (size_t i = 0; i < kDepth; ++i) {
    free(queue[i]);
    sizes[i] = random.between(16, kMostBytes);
    queue[i] = static_cast<char*>(malloc(sizes[i]));
    if (queue[i] == nullptr) exit(1);
  }
}

double share_near() {
  const char* last[kMostBytes / 16 + 1] =
      {};  // by sizes rounded up to 16, which all allocators' classes are multiples of
  size_t near = 0, pairs = 0;
  for (size_t i = 0; i < kDepth; ++i) {
    const char*& before = last[(sizes[i] + 15) / 16];
    if (before != nullptr) {
      const intptr_t distance = reinterpret_cast<intptr_t>(queue[i]) - reinterpret_cast<intptr_t>(before);
      near += distance < kPage && distance > -kPage ? 1 : 0;
      ++pairs;
    }
    before = queue[i];
  }
  return static_cast<double>(near) / static_cast<double>(pairs);
}

}  // namespace

int main(int argc, char** argv) {
  workload::Random random(1);
  long turns = 0;
  printf("%s:", owner_of_malloc());
  for (int i = 1; i < argc; ++i) {
    for (const long wanted = strtol(argv[i], nullptr, 10); turns < wanted; ++turns) turn_over(random);
    printf(" %.2f after %ld", share_near(), turns);
  }
  printf("\n");
  return 0;
}
