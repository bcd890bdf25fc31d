// SPDX-License-Identifier: Apache-2.0
// A signal handler inside a call of the library, at a place that the input of a fuzz target names: the same each time.
#pragma once

#include <functional>

namespace fuzz {

// Calls `work`. When the library passes its `passing`-th hook point from then on (src/base/hooks.h), a signal interrupts it
// there, in whose handler `handler` runs. It does not run where fewer are passed, and where there are no hooks to patch
// (test/support/hooks.h). May be called by a handler again.
void do_interrupted(unsigned passing, const std::function<void()>& work, const std::function<void()>& handler);

}  // namespace fuzz
