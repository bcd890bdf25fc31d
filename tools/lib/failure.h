// SPDX-License-Identifier: Apache-2.0
// How a tool ends that cannot do its work: by one line that says what is wrong and, where there is one, what to do.
#pragma once

#include <stdexcept>
#include <string>

namespace reslab::outside {

struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The target ended, or became another program, while it was read.
struct Gone : Failure {
  using Failure::Failure;
};

}  // namespace reslab::outside
