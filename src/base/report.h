// SPDX-License-Identifier: Apache-2.0
// The ways to die. Misuse and corruption end here: one clear line on stderr, then SIGABRT, with nothing held, so that a
// handler of the program may allocate (lesson 21). The wording is part of the interface: one list, base/reports.def, which
// the tests read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include "base/text.h"

namespace reslab {

// The words of each, from base/reports.def.
enum class Report : uint8_t {
#define REPORT(name, words) k##name,
#include "base/reports.def"
#undef REPORT
};

// Appends the words of a report; each {} in them is the next of `values`.
Line& say(Line& line, Report report, std::initializer_list<uint64_t> values = {});
// Each of them is `name`.
Line& say(Line& line, Report report, const char* name);

// "reslab: CALL(ADDRESS): ", how every report about a pointer begins.
void begin_report(Line& line, const char* call, const void* address);

// Writes `line` to stderr and raises SIGABRT; does not come back even if SIGABRT is handled or ignored.
[[noreturn]] void die(Line& line);

// As die(), when all has been written already.
[[noreturn]] void die_said();

// An invariant of reslab's own does not hold: `what` names it.
[[noreturn]] void die_corrupt(const char* what, uint64_t value);

// A condition that only a bug in reslab or a stray write can break. Always on: it stands on slow paths only.
#define RESLAB_CHECK(condition, value)                                               \
  do {                                                                               \
    if (__builtin_expect(!(condition), 0)) ::reslab::die_corrupt(#condition, value); \
  } while (false)

}  // namespace reslab
