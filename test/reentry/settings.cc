// SPDX-License-Identifier: Apache-2.0
#include "settings.h"

#include <reslab/reslab.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "cpu_slot.h"
#include "failure.h"

namespace reentry {
namespace {

constexpr const char kUsage[] =
    "usage: %s [--quick | --minutes M] [--mode rseq|fallback] [--seed S] [--log FILE]\n"
    "          [--coverage FILE] [--operation NAME] [--table NAME] [--part I/N] [--limit SECONDS]\n"
    "  --quick      one nested operation at some of the places (the default)\n"
    "  --minutes    then at all of them, with the next nested operation in each pass, until the time is over\n"
    "  --mode       asserted; RESLAB_OPTIONS=mode=... sets it\n"
    "  --seed       which nested operation comes where; printed in every failure\n"
    "  --log        append what is printed to FILE\n"
    "  --coverage   append the addresses that were interrupted to FILE\n"
    "  --operation  only this one\n"
    "  --table      calls (the default), typed; for a process with debug modes: debug, guards, 'some classes', ring\n"
    "               of first: guards; the guard pool then stays\n"
    "  --part       only operations I, I+N, I+2N ...\n"
    "  --limit      the process ends as hanging after this time (60; minutes are added)\n";

timespec the_end;
bool has_end = false;

[[noreturn]] void refuse(const char* program, const char* what, const char* value) {
  fprintf(stderr, "%s: bad %s: '%s'\n", program, what, value);
  fprintf(stderr, kUsage, program);
  exit(2);
}

template <class T>
T number(const char* program, const char* name, const char* text) {
  char* end = nullptr;
  const double value = strtod(text, &end);
  if (*text == '\0' || *end != '\0' || value < 0) refuse(program, name, text);
  return static_cast<T>(value);
}

void read_part(Settings& settings, const char* program, const char* text) {
  unsigned part = 0, parts = 0;
  if (sscanf(text, "%u/%u", &part, &parts) != 2 || part >= parts) refuse(program, "--part", text);
  settings.part = part;
  settings.parts = parts;
}

void read_pair(Settings& settings, const char* program, const char* name, const char* value) {
  const auto is = [name](const char* other) { return strcmp(name, other) == 0; };
  if (is("--minutes")) settings.minutes = number<double>(program, name, value), settings.quick = false;
  else if (is("--seed")) settings.seed = number<uint64_t>(program, name, value);
  else if (is("--limit")) settings.limit_seconds = number<unsigned>(program, name, value);
  else if (is("--log")) settings.log = value;
  else if (is("--coverage")) settings.coverage = value;
  else if (is("--operation")) settings.operation = value;
  else if (is("--table")) settings.table = value;
  else if (is("--part")) read_part(settings, program, value);
  else if (is("--mode") && (strcmp(value, "rseq") == 0 || strcmp(value, "fallback") == 0)) scene.mode = value;
  else refuse(program, name, value);
}

}  // namespace

Settings read_settings(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i < argc; ++i) {
    if (strcmp(argv[i], "--help") == 0) {
      printf(kUsage, argv[0]);
      exit(0);
    }
    if (strcmp(argv[i], "--quick") == 0) continue;
    if (i + 1 == argc) refuse(argv[0], "argument", argv[i]);
    read_pair(settings, argv[0], argv[i], argv[i + 1]);
    ++i;
  }
  settings.limit_seconds += static_cast<unsigned>(settings.minutes * 60);
  settings.end = now();
  settings.end.tv_sec += static_cast<time_t>(settings.minutes * 60);
  return settings;
}

void expect_mode(Settings& settings) {
  reslab_free(reslab_malloc(1));
  reslab_status status = {};
  reslab_get_status(&status, sizeof status);
  settings.rseq = status.mode == RESLAB_MODE_RSEQ;
  const char* found = settings.rseq ? "rseq" : "fallback";
  if (*scene.mode == '\0') scene.mode = found;
  if (strcmp(scene.mode, found) != 0) fail("the library runs in mode %s: %s", found, status.mode_reason);
  expect_rseq_mode(settings.rseq);
}

timespec now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time;
}

double seconds_since(timespec began) {
  const timespec at = now();
  return static_cast<double>(at.tv_sec - began.tv_sec) + static_cast<double>(at.tv_nsec - began.tv_nsec) * 1e-9;
}

void end_at(timespec time) {
  the_end = time;
  has_end = true;
}

bool time_is_over() { return has_end && seconds_since(the_end) >= 0; }

}  // namespace reentry
