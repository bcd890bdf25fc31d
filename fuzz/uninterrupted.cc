// SPDX-License-Identifier: Apache-2.0
// Where there are no hooks to patch.
#include "interrupted.h"

namespace fuzz {

void do_interrupted(unsigned, const std::function<void()>& work, const std::function<void()>&) { work(); }

}  // namespace fuzz
