// SPDX-License-Identifier: Apache-2.0
#include "objects.h"

#include <reslab/reslab.h>
#include <unistd.h>

#include "failure.h"
#include "typed.h"

namespace reentry {
namespace {

constexpr size_t kEnd = 64;  // bytes filled at both ends of a large object

struct reslab_class_stats classes[kMostClasses];

size_t count_classes() {
  const auto count = static_cast<size_t>(reslab_get_class_stats(classes, kMostClasses, sizeof classes[0]));
  if (count > kMostClasses) fail("more classes than the ledger has lines for");
  return count;
}

template <class Visit>
void for_each_filled(size_t bytes, Visit visit) {
  for (size_t i = 0; i < bytes; i = i + 1 == kEnd && bytes > 2 * kEnd ? bytes - kEnd : i + 1) visit(i);
}

}  // namespace

void Held::take(void* object, size_t bytes, const char* what) {
  static unsigned char last = 0;
  const size_t align = typed_cache(bytes) != nullptr && bytes % 16 != 0 ? 8 : 16;
  if (reinterpret_cast<uintptr_t>(object) % align != 0) fail("%s gave the unaligned %p", what, object);
  object_ = static_cast<unsigned char*>(object);
  bytes_ = bytes;
  what_ = what;
  value_ = ++last;
  if (object != nullptr) for_each_filled(bytes, [this](size_t i) { object_[i] = value_; });
}

void Held::expect_intact() const {
  if (object_ == nullptr) return;
  for_each_filled(bytes_, [this](size_t i) {
    if (object_[i] == value_) return;
    fail("the object %p of %zu bytes from %s was overwritten at byte %zu", static_cast<const void*>(object_), bytes_,
         what_, i);
  });
}

void* Held::give() {
  expect_intact();
  void* object = object_;
  object_ = nullptr;
  return object;
}

void expect_zero(const void* object, size_t bytes, const char* what) {
  const auto* at = static_cast<const unsigned char*>(object);
  for_each_filled(bytes, [=](size_t i) {
    if (at[i] != 0) fail("%s: byte %zu of %zu is not zero", what, i, bytes);
  });
}

Ledger::Ledger() {
  reslab_trim(0);
  const size_t count = count_classes();
  for (size_t i = 0; i < kMostClasses; ++i) live_[i] = i < count ? classes[i].live : 0;
}

void Ledger::expect_same() const {
  reslab_trim(0);
  const size_t count = count_classes();
  for (size_t i = 0; i < count; ++i) {
    if (classes[i].live == live_[i]) continue;
    fail("class %s has %zu objects live, had %zu before", classes[i].name, static_cast<size_t>(classes[i].live),
         static_cast<size_t>(live_[i]));
  }
  const int violations = reslab_check(STDERR_FILENO);
  if (violations != 0) fail("reslab_check finds %d violations", violations);
}

}  // namespace reentry
