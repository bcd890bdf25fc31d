// SPDX-License-Identifier: Apache-2.0
#include "ledger.h"

#include <string.h>
#include <unistd.h>

#include "failure.h"

namespace support {
namespace {

bool is_of_runs(const reslab_class_stats& one) { return strcmp(one.name, "runs") == 0; }

}  // namespace

void Ledger::take() {
  stats_ = {};
  memset(classes_, 0, sizeof classes_);
  expect(reslab_get_stats(&stats_, sizeof stats_) == 0, "reslab_get_stats refuses");
  const int count = reslab_get_class_stats(classes_, kMostClasses, sizeof classes_[0]);
  expect(count > 0 && static_cast<size_t>(count) <= kMostClasses, "reslab_get_class_stats returns %d", count);
  count_ = static_cast<size_t>(count);
}

Ledger::Difference Ledger::against(const Ledger& before) const {
  for (size_t i = 0; i < count_; ++i) {
    const uint64_t then = i < before.count_ ? before.classes_[i].live : 0;  // classes are only added
    if (classes_[i].live != then) return {classes_[i].name, then, classes_[i].live};
  }
  return {nullptr, 0, 0};
}

void Ledger::expect_same(const Ledger& before, const char* when) const {
  const Difference found = against(before);
  if (found.class_name != nullptr) {
    fail("%s: class %s has %lu objects handed out, and had %lu", when, found.class_name, found.now, found.before);
  }
  expect(stats_.bytes_live == before.stats_.bytes_live, "%s: %lu bytes are handed out, and %lu were", when,
         stats_.bytes_live, before.stats_.bytes_live);
}

uint64_t Ledger::small_objects() const {
  uint64_t sum = 0;
  for (size_t i = 0; i < count_; ++i) sum += is_of_runs(classes_[i]) ? 0 : classes_[i].live;
  return sum;
}

uint64_t Ledger::run_units() const {
  for (size_t i = 0; i < count_; ++i) {
    if (is_of_runs(classes_[i])) return classes_[i].live;
  }
  return 0;
}

void expect_sound_heap(const char* when) {
  const int violations = reslab_check(STDERR_FILENO);
  expect(violations == 0, "%s: reslab_check finds %d violations", when, violations);
}

}  // namespace support
