// SPDX-License-Identifier: Apache-2.0
// The long form of a program: passes over the rows of its table until its time is over. Before them each row is walked
// once as in the quick form, however short the time is.
//
// The rows of a pass come in an order that is drawn from its seed, the one of the pass before it and one more. Which
// nested operation a place gets depends on the place and the seed, so that each pass has another one there, and as many
// passes as there are nested operations are a round: all of them in front of every instruction. At the end it says how
// much of a round was done.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <vector>

#include "settings.h"

namespace reentry {

class Passes {
 public:
  // `unit` is what `owe` and `add` count, for the words at the end.
  Passes(const Settings& settings, size_t rows, const char* unit);

  // Of the pass that is under way.
  uint64_t seed() const { return seed_; }
  // So much of a row is one pass over it; said when it has been walked as in the quick form.
  void owe(size_t units) { owed_ += units, ++rows_walked_; }

  // From here on time_is_over() may be true.
  void begin_the_clock() const { end_at(settings_.end); }
  // The next row; false: time is over.
  bool next(size_t& row);
  void add(size_t units) { done_ += units; }

  // Fails if a row was left out.
  void report(FILE* log) const;

 private:
  void next_pass();

  const Settings& settings_;
  const char* unit_;
  uint64_t seed_;
  std::vector<size_t> order_;
  size_t next_ = 0;
  size_t rows_walked_ = 0;
  size_t whole_passes_ = 0;
  uint64_t owed_ = 0, done_ = 0;
};

}  // namespace reentry
