// SPDX-License-Identifier: Apache-2.0
#include "platform/known_defects.h"

#include <sys/utsname.h>

#include <cstdint>

#include "platform/syscall.h"

namespace reslab {
namespace {

struct Defect {
  const char* machine;
  uint32_t major, minor;
  const char* what;
};

constexpr Defect kDefects[] = {
    {"aarch64", 6, 19, "Linux 6.19 on aarch64 does not abort a section that is preempted on its own CPU"},
};

bool same(const char* a, const char* b) {
  for (; *a != '\0' && *a == *b; ++a) ++b;
  return *a == *b;
}

uint32_t take_number(const char*& text) {
  uint32_t number = 0;
  for (; *text >= '0' && *text <= '9'; ++text) number = number * 10 + static_cast<uint32_t>(*text - '0');
  if (*text == '.') ++text;
  return number;
}

}  // namespace

const char* known_rseq_defect(const char* machine, const char* release) {
  const uint32_t major = take_number(release);
  const uint32_t minor = take_number(release);
  for (const Defect& one : kDefects) {
    if (same(one.machine, machine) && one.major == major && one.minor == minor) return one.what;
  }
  return nullptr;
}

const char* known_rseq_defect() {
  struct utsname system = {};
  if (sys_call(SYS_uname, reinterpret_cast<long>(&system)) != 0) return nullptr;
  return known_rseq_defect(system.machine, system.release);
}

}  // namespace reslab
