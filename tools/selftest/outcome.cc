// SPDX-License-Identifier: Apache-2.0
#include "selftest/outcome.h"

#include <algorithm>

namespace reslab::selftest {

const char* name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::kHolds:
      return "holds";
    case Verdict::kSkipped:
      return "skipped";
    case Verdict::kUnproven:
      return "unproven";
    case Verdict::kBroken:
      return "broken";
  }
  return "unknown";
}

void Outcome::worsen(Verdict to, const std::string& reason) {
  verdict = std::max(verdict, to);
  why += (why.empty() ? "" : "; ") + reason;
}

void Outcome::note(const char* name, uint64_t value) { figures.push_back({name, value, Kind::kWork}); }

void Outcome::forbid(const char* name, uint64_t value) {
  figures.push_back({name, value, Kind::kDamage});
  if (value != 0) worsen(Verdict::kBroken, std::to_string(value) + " " + words_of(name));
}

void Outcome::demand(const char* name, uint64_t value, uint64_t least) {
  note(name, value);
  if (value >= least) return;
  worsen(Verdict::kUnproven, "only " + std::to_string(value) + " " + words_of(name) + " of the " +
                                 std::to_string(least) + " that it takes");
}

uint64_t Outcome::figure(std::string_view name) const {
  for (const Figure& one : figures) {
    if (one.name == name) return one.value;
  }
  return 0;
}

Outcome skipped(const char* why) {
  Outcome outcome;
  outcome.worsen(Verdict::kSkipped, why);
  return outcome;
}

std::string words_of(const char* figure_name) {
  std::string words = figure_name;
  std::replace(words.begin(), words.end(), '_', ' ');
  return words;
}

}  // namespace reslab::selftest
