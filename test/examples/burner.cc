// SPDX-License-Identifier: Apache-2.0
// A program whose profile is known: `spin` takes two thirds of its time, called by `outer`; `churn`, which allocates and
// frees, takes the rest. Prints the sum of what it computed.
//
//   burner MILLISECONDS
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

namespace {

long cpu_ms() {
  timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return time.tv_sec * 1000 + time.tv_nsec / 1'000'000;
}

}  // namespace

// C linkage: names that the profile is searched for.
extern "C" {

[[gnu::noinline]] unsigned long spin(long until_ms) {
  unsigned long state = 1;
  while (cpu_ms() < until_ms) {
    for (int i = 0; i < 200'000; i++) state = state * 6364136223846793005u + 1442695040888963407u;
  }
  return state & 1;
}

[[gnu::noinline]] unsigned long outer(long until_ms) { return spin(until_ms) + 1; }

[[gnu::noinline]] unsigned long churn(long until_ms) {
  unsigned long sum = 0;
  while (cpu_ms() < until_ms) {
    void* objects[512];
    for (size_t round = 0; round < 200; round++) {
      for (size_t i = 0; i < 512; i++) objects[i] = malloc(16 + (i * 7 + round) % 900);
      for (void* const object : objects) free(object);
    }
    sum++;
  }
  return sum;
}

}  // extern "C"

int main(int argc, char** argv) {
  const long total = argc == 2 ? strtol(argv[1], nullptr, 10) : 0;
  if (total < 1) {
    fprintf(stderr, "usage: burner MILLISECONDS\n");
    return 2;
  }
  const unsigned long turns = outer(total * 2 / 3) + churn(total);
  puts(turns > 1 ? "burned" : "too short");
  return 0;
}
