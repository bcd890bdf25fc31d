// SPDX-License-Identifier: Apache-2.0
#include "selftest/trial.h"

namespace reslab::selftest {
namespace {

constexpr uint64_t kEnoughAborts = 100;

// Events that must have met a section: threads spend most of their time in one.
constexpr uint64_t kTellingEvents = 200;

}  // namespace

bool Trial::is_over(uint64_t events, uint64_t enough) const {
  const Seconds time = spent();
  if (time > duration_.patience) return true;
  return time > duration_.least && stress_.aborts() >= kEnoughAborts && events >= enough;
}

bool Trial::is_hopeless(uint64_t events) const {
  return spent() > duration_.least && stress_.aborts() == 0 && events >= kTellingEvents;
}

Outcome Trial::finish(const char* event, uint64_t events, uint64_t enough) const {
  Outcome outcome;
  outcome.seconds = spent().count();
  outcome.demand(event, events, enough);
  if (stress_.aborts() == 0 && events >= kTellingEvents) {
    outcome.note("aborts", 0);
    outcome.worsen(Verdict::kBroken, std::to_string(events) + " " + words_of(event) + " have aborted no section");
  } else {
    outcome.demand("aborts", stress_.aborts(), kEnoughAborts);
  }
  const Damage damage = stress_.count_tokens();
  outcome.forbid("objects_lost", damage.lost);
  outcome.forbid("objects_twice", damage.twice);
  outcome.forbid("impossible_values", damage.impossible);
  outcome.forbid("not_put_back", damage.not_put_back);
  return outcome;
}

Outcome without_memory() {
  Outcome outcome;
  outcome.worsen(Verdict::kUnproven, "no memory for a region of each CPU");
  return outcome;
}

}  // namespace reslab::selftest
