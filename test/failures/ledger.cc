#include "ledger.h"

#include <cstdio>
#include <cstdlib>

namespace trials {

void Ledger::take() {
  const int count = reslab_get_class_stats(classes_, kMostClasses, sizeof classes_[0]);
  count_ = count < 0 ? 0 : static_cast<size_t>(count);
  if (count_ == 0 || count_ > kMostClasses) {
    fprintf(stderr, "ledger: reslab_get_class_stats returned %d\n", count);
    abort();
  }
}

Ledger::Difference Ledger::against(const Ledger& before) const {
  for (size_t i = 0; i < count_; ++i) {
    const uint64_t then = i < before.count_ ? before.classes_[i].live : 0;  // classes are only added
    if (classes_[i].live != then) return {classes_[i].name, then, classes_[i].live};
  }
  return {nullptr, 0, 0};
}

uint64_t Ledger::capacity_bytes() const {
  uint64_t bytes = 0;
  for (size_t i = 0; i < count_; ++i) bytes += classes_[i].capacity * classes_[i].object_bytes;
  return bytes;
}

}  // namespace trials
