// SPDX-License-Identifier: Apache-2.0
// What operations and nested operations hold: objects filled with a pattern of their own, looked at before they are
// freed, so that an object handed out twice is seen. And the ledger: after a walk, each class has as many live objects
// as before, and the audit finds nothing (17).
#pragma once

#include <cstddef>
#include <cstdint>

namespace reentry {

// Fixed in size, used in handlers; nothing here allocates.
class Held {
 public:
  bool is_there() const { return object_ != nullptr; }
  // Fills the ends of the object; nullptr stands for an allocation that failed. `what` names who took it.
  void take(void* object, size_t bytes, const char* what);
  // Fails if the pattern has changed; the object is the caller's to free then.
  void* give();
  void* object() const { return object_; }
  size_t bytes() const { return bytes_; }
  void expect_intact() const;

 private:
  unsigned char* object_ = nullptr;
  size_t bytes_ = 0;
  const char* what_ = nullptr;
  unsigned char value_ = 0;
};

void expect_zero(const void* object, size_t bytes, const char* what);

constexpr size_t kMostClasses = 1200;

class Ledger {
 public:
  // Counts what is live now, with all caches given back.
  Ledger();
  // Fails unless the same is live now and reslab_check finds nothing.
  void expect_same() const;

 private:
  uint64_t live_[kMostClasses];
};

}  // namespace reentry
