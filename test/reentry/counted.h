// SPDX-License-Identifier: Apache-2.0
// How often the library passes a hook.
#pragma once

#include <cstddef>

#include "hooks.h"

namespace reentry {

class Counted {
 public:
  explicit Counted(const char* hook)
      : hook_(
            hook, [](void* count) { ++*static_cast<size_t*>(count); }, &count_) {}
  size_t count() const { return count_; }

 private:
  size_t count_ = 0;
  support::Hook hook_;
};

}  // namespace reentry
