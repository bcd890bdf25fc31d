// SPDX-License-Identifier: Apache-2.0
// What came of a check: a verdict, in words why it is not better, and the figures behind it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace reslab::selftest {

// From good to bad; an outcome has the worst that it was given.
enum class Verdict : uint8_t {
  kHolds,
  kSkipped,   // cannot be tried on this machine, and is not needed there
  kUnproven,  // nothing was broken, but too little was seen for that to mean anything
  kBroken,
};
const char* name_of(Verdict verdict);

enum class Kind : uint8_t {
  kWork,    // how much was done and seen
  kDamage,  // what must not be; `why` has those that are not 0
};

struct Figure {
  const char* name;  // words joined by '_'
  uint64_t value;
  Kind kind;
};

struct Outcome {
  Verdict verdict = Verdict::kHolds;
  std::string why;  // empty: it holds
  std::vector<Figure> figures;
  double seconds = 0;

  void worsen(Verdict to, const std::string& reason);

  // A figure that only says how much was done; one that must be 0; one that proves nothing below `least`.
  void note(const char* name, uint64_t value);
  void forbid(const char* name, uint64_t value);
  void demand(const char* name, uint64_t value, uint64_t least);

  // 0 if there is none of that name.
  uint64_t figure(std::string_view name) const;
};

Outcome skipped(const char* why);

// "not_put_back" as a person writes it.
std::string words_of(const char* figure_name);

}  // namespace reslab::selftest
