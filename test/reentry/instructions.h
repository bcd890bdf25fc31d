// SPDX-License-Identifier: Apache-2.0
// What an instruction of x86-64 is, by its bytes: as far as the walks need to know.
#pragma once

#include <cstddef>
#include <cstdint>

namespace reentry {

constexpr size_t kSystemCallBytes = 2;

bool is_system_call(uintptr_t pc);
// A prefix for lock, or an exchange with memory, which locks by itself.
bool is_atomic(uintptr_t pc);
bool is_compare_and_swap(uintptr_t pc);

}  // namespace reentry
