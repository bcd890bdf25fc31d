#include "ledger.h"

#include <string.h>
#include <unistd.h>

#include "failure.h"

namespace progress {
namespace {

bool is_of_runs(const reslab_class_stats& one) { return strcmp(one.name, "runs") == 0; }

unsigned long long shown(uint64_t number) { return number; }

}  // namespace

void Ledger::take() {
  memset(classes_, 0, sizeof classes_);
  const int count = reslab_get_class_stats(classes_, kMostClasses, sizeof classes_[0]);
  expect(count > 0 && static_cast<size_t>(count) <= kMostClasses, "reslab_get_class_stats returns %d", count);
  count_ = static_cast<size_t>(count);
}

void Ledger::expect_same(const Ledger& before, const char* when) const {
  for (size_t i = 0; i < count_; ++i) {
    const uint64_t had = i < before.count_ ? before.classes_[i].live : 0;
    expect(classes_[i].live == had, "%s: class %s has %llu objects handed out, and had %llu", when, classes_[i].name,
           shown(classes_[i].live), shown(had));
  }
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

}  // namespace progress
