// SPDX-License-Identifier: Apache-2.0
// The walk: every operation is gone through once, instruction by instruction, to learn where it passes; then a process of
// its own for each place that is to be visited, in which the operation runs at full speed into a breakpoint there.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "library_map.h"
#include "operations.h"
#include "process.h"
#include "random.h"
#include "settings.h"
#include "tracee.h"

namespace progress {

// An instruction of the library, the `pass`-th time that the operation is there after it has been at `from` (0: from its
// beginning on). Inside a section: the `pass`-th time that the section is entered.
struct Place {
  uintptr_t pc;
  uint32_t pass;
  uintptr_t from;
  const support::CriticalSection* section;  // nullptr: outside of all
};

// What a walk has to have covered, in distinct instructions of the library: a few less than it has in the mode, with the
// local lock and the compiler that have fewest. One that goes nowhere fails by it.
struct Floor {
  size_t gone_through;  // by steps, to learn where the operations pass
  size_t stopped_at;
  size_t stops_in_sections;        // in mode rseq; in the quick form, as the long one draws its places from all
  size_t stopped_at_in_long_form;  // in a minute of a busy machine; more time has more
};

// Of all operations(). Measured in the quick form: 7,743 to 8,132 gone through, 286 (fallback) to 370 (rseq) stopped at, and
// 78 to 86 stops in sections; in a minute at low priority beside twenty other processes 296.
constexpr Floor kFloorOfOperations = {
    .gone_through = 7'000, .stopped_at = 270, .stops_in_sections = 60, .stopped_at_in_long_form = 250};

class Walk {
 public:
  // `share` of the minutes that the settings say.
  Walk(const Settings& settings, const Deed& deed, const Floor& floor, double share = 1);

  // The quick form takes some places of each operation, at random, and of each hook a few; the long one all, until the
  // time is over: but each hook and each operation, however short it is, then each instruction once.
  void go(std::span<const Operation> operations);

  // Fails unless a stop was made at every hook of the library that the mode and the local lock let an operation pass.
  void require_all_hooks() const;

 private:
  // In the order of the long form.
  enum class Rank : uint8_t { kLeast, kHook, kNewInstruction, kFirstPass, kLaterPass };
  struct Visit {
    const Operation* operation;
    Place place;
    Rank rank = Rank::kLeast;
  };

  bool is_chosen(const Operation& operation) const;
  std::vector<Place> scout(const Operation& operation);
  bool scout_from(const Operation& operation, uintptr_t from, size_t most_steps, std::vector<Place>& places);
  void choose(const Operation& operation, const std::vector<Place>& places, std::vector<Visit>& visits);
  void put_in_order(std::vector<Visit>& visits);
  Rank rank_of(const Visit& visit);
  bool visit(const Operation& operation, const Place& place);
  Stop run_to(Tracee& doer, const Place& place);
  bool visit_again_if_missed(const Visit& visit);
  void require_coverage(size_t wanted);
  void require_floor() const;

  const Settings& settings_;
  const Deed& deed_;
  const Floor floor_;
  const double share_;
  const support::LibraryMap map_;
  support::Random random_;
  std::map<std::string, int> hooks_chosen_;
  std::set<const Operation*> operations_chosen_;
  std::set<uintptr_t> instructions_chosen_;
  std::set<std::string> hooks_visited_;
  std::set<uintptr_t> instructions_seen_;
  std::set<uintptr_t> instructions_visited_;
  size_t visits_ = 0, missed_ = 0, in_sections_ = 0;
  double slowest_pace_ = 1e9;
};

}  // namespace progress
