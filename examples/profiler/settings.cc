// SPDX-License-Identifier: Apache-2.0
#include "settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

namespace profiler {
namespace {

const char* value_of(const char* name, const char* absent) {
  const char* const value = getenv(name);
  return value == nullptr || value[0] == '\0' ? absent : value;
}

bool refuse(const char* name, const char* value) {
  fprintf(stderr, "profiler: %s=%s makes no sense: this process is not profiled\n", name, value);
  return false;
}

std::string with_process_id(const char* pattern) {
  std::string text = pattern;
  const size_t place = text.find("%p");
  if (place != std::string::npos) text.replace(place, 2, std::to_string(getpid()));
  return text;
}

}  // namespace

bool Settings::read_environment() {
  file = with_process_id(value_of("PROFILE_FILE", "profile.%p.folded"));

  const char* const rate = value_of("PROFILE_HZ", "1000");
  char* rest;
  hertz = strtol(rate, &rest, 10);
  if (*rest != '\0' || hertz < 1 || hertz > 10'000) return refuse("PROFILE_HZ", rate);

  const char* const clock = value_of("PROFILE_CLOCK", "cpu");
  wall = strcmp(clock, "wall") == 0;
  if (!wall && strcmp(clock, "cpu") != 0) return refuse("PROFILE_CLOCK", clock);
  return true;
}

}  // namespace profiler
