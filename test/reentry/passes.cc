// SPDX-License-Identifier: Apache-2.0
#include "passes.h"

#include <utility>

#include "failure.h"
#include "nested.h"
#include "random.h"

namespace reentry {
namespace {

void shuffle(std::vector<size_t>& rows, uint64_t seed) {
  support::Random random(seed);
  for (size_t i = rows.size(); i > 1; --i) std::swap(rows[i - 1], rows[random.below(i)]);
}

}  // namespace

Passes::Passes(const Settings& settings, size_t rows, const char* unit)
    : settings_(settings), unit_(unit), seed_(settings.seed) {
  for (size_t row = 0; row < rows; ++row) order_.push_back(row);
  scene.seed = seed_;
  shuffle(order_, seed_);
}

bool Passes::next(size_t& row) {
  if (time_is_over() || order_.empty()) return false;
  if (next_ == order_.size()) next_pass();
  row = order_[next_++];
  return true;
}

void Passes::next_pass() {
  ++whole_passes_;
  scene.seed = ++seed_;
  shuffle(order_, seed_);
  next_ = 0;
}

void Passes::report(FILE* log) const {
  const uint64_t round = owed_ * nested_count();
  fprintf(log, "round: %zu of %zu rows, %zu whole passes of %zu, %zu of %zu %s, %.2f %%\n", rows_walked_, order_.size(),
          whole_passes_, nested_count(), static_cast<size_t>(done_), static_cast<size_t>(round), unit_,
          round == 0 ? 0 : 100 * static_cast<double>(done_) / static_cast<double>(round));
  if (rows_walked_ < order_.size() || order_.empty()) fail("not every row was walked");
}

}  // namespace reentry
