// SPDX-License-Identifier: Apache-2.0
#include "leftovers.h"

#include <reslab/reslab.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "failure.h"

namespace recovery {
namespace {

using support::expect;

constexpr const char* kLeftovers[] = {
    "depot block is on no stack",
    "slab's count differs from its bits",
    "unit map does not name the class of its unit",  // of a slab that was being made
    "listed slab is on no list",
    "slab with free bits is neither active nor listed",
    "active slab is in no active slot",
    "unit is neither free nor in use",
    "unit map names a class where nothing is",  // of a slab or run that was being retired
    "capacity of a class",
    "free objects of a class",
};

bool is_leftover(const char* line) {
  for (const char* words : kLeftovers) {
    if (strstr(line, words) != nullptr) return true;
  }
  return false;
}

}  // namespace

uint64_t count_leftovers() {
  const int file = memfd_create("violations", 0);
  expect(file >= 0, "no memory file");
  const int violations = reslab_check(file);
  expect(violations >= 0, "reslab_check refuses");
  lseek(file, 0, SEEK_SET);
  FILE* lines = fdopen(file, "r");
  char line[256];
  uint64_t leftovers = 0;
  while (fgets(line, sizeof line, lines) != nullptr) {
    line[strcspn(line, "\n")] = '\0';
    expect(is_leftover(line), "damage: %s", line);
    ++leftovers;
  }
  fclose(lines);
  expect(leftovers == static_cast<uint64_t>(violations), "reslab_check counts %d violations and prints %llu",
         violations, static_cast<unsigned long long>(leftovers));
  return leftovers;
}

}  // namespace recovery
