#include "arguments.h"

#include <errno.h>
#include <reslab/reslab.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "failure.h"

namespace progress {
namespace {

void print_usage(FILE* out, const char* purpose) {
  fprintf(out,
          "%s: %s\n"
          "usage: %s --mode rseq|fallback [--quick | --minutes M] [--seed S] [--log FILE]\n"
          "       [--local-lock try|always|never] [--operation NAME]\n",
          program_invocation_short_name, purpose, program_invocation_short_name);
}

[[noreturn]] void refuse(const char* what, const char* purpose) {
  fprintf(stderr, "%s: bad or missing: %s\n", program_invocation_short_name, what);
  print_usage(stderr, purpose);
  exit(2);
}

bool one_of(const char* word, const char* const (&words)[3]) {
  for (const char* each : words) {
    if (strcmp(word, each) == 0) return true;
  }
  return false;
}

double positive_number(const char* text, const char* name, const char* purpose) {
  char* end;
  const double value = strtod(text, &end);
  if (end == text || *end != '\0' || !(value > 0)) refuse(name, purpose);
  return value;
}

uint64_t whole_number(const char* text, const char* name, const char* purpose) {
  char* end;
  const uint64_t value = strtoull(text, &end, 10);
  if (end == text || *end != '\0' || *text == '-') refuse(name, purpose);
  return value;
}

}  // namespace

Arguments parse_arguments(int argc, char** argv, const char* purpose) {
  Arguments parsed;
  for (int i = 1; i < argc; ++i) {
    const char* name = argv[i];
    if (strcmp(name, "--help") == 0) {
      print_usage(stdout, purpose);
      exit(0);
    }
    if (strcmp(name, "--quick") == 0) {
      parsed.minutes = 0;
      continue;
    }
    const char* value = ++i < argc ? argv[i] : nullptr;
    if (value == nullptr) refuse(name, purpose);
    if (strcmp(name, "--mode") == 0 && one_of(value, {"rseq", "fallback", "fallback"})) {
      parsed.mode = value;
    } else if (strcmp(name, "--local-lock") == 0 && one_of(value, {"try", "always", "never"})) {
      parsed.local_lock = value;
    } else if (strcmp(name, "--minutes") == 0) {
      parsed.minutes = positive_number(value, name, purpose);
    } else if (strcmp(name, "--seed") == 0) {
      parsed.seed = whole_number(value, name, purpose);
    } else if (strcmp(name, "--operation") == 0) {
      parsed.operation = value;
    } else if (strcmp(name, "--log") == 0) {
      parsed.log = fopen(value, "w");
      if (parsed.log == nullptr) refuse("--log: the file cannot be written", purpose);
    } else {
      refuse(name, purpose);
    }
  }
  if (parsed.mode == nullptr) refuse("--mode", purpose);
  return parsed;
}

void require_mode(const Arguments& arguments) {
  reslab_status status = {};
  expect(reslab_get_status(&status, sizeof status) == 0, "reslab_get_status refuses");
  const uint32_t wanted = strcmp(arguments.mode, "rseq") == 0 ? RESLAB_MODE_RSEQ : RESLAB_MODE_FALLBACK;
  expect(status.mode == wanted, "the library is not in mode %s: %s", arguments.mode, status.mode_reason);
  char lock[16] = "";
  reslab_option_get("local_lock", lock, sizeof lock);
  expect(strcmp(lock, arguments.local_lock) == 0, "local_lock is '%s', not '%s'", lock, arguments.local_lock);
}

void note(const Arguments& arguments, const char* format, ...) {
  char line[512];
  va_list values;
  va_start(values, format);
  vsnprintf(line, sizeof line, format, values);
  va_end(values);
  printf("%s\n", line);
  fflush(stdout);
  if (arguments.log == nullptr) return;
  fprintf(arguments.log, "%s\n", line);
  fflush(arguments.log);
}

}  // namespace progress
