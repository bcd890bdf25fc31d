// SPDX-License-Identifier: Apache-2.0
#include "arena/dirty_bound.h"

namespace reslab {
namespace {

constexpr int64_t kSpan = 4;  // times `high` released is "lately"

}  // namespace

void DirtyBound::note_release(int64_t live, int64_t units) {
  if (live > get(high_)) set(high_, live);
  if (live >= get(high_) - get(high_) / 4) note_peak();
  set(released_, get(released_) + units);
  if (get(released_) > kSpan * get(high_)) age(live - units);
}

// As much as ever is in use.
void DirtyBound::note_peak() {
  if (get(has_peaked_) == 0) set(has_peaked_, 1);
  if (get(has_fallen_) == 0) return;
  set(has_fallen_, 0);
  set(rises_, get(rises_) + 1);
}

void DirtyBound::age(int64_t live) {
  set(released_, 0);
  const int64_t high = get(high_);
  if (high > live) set(high_, high - (high - live) / 8);
  if (get(has_peaked_) == 0) set(rises_, 0);  // what went up and down stays down
  set(has_peaked_, 0);
}

}  // namespace reslab
