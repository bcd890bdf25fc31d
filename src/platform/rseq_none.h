// SPDX-License-Identifier: Apache-2.0
// Architectures without sections: every thread counts as unregistered, so the mode is always fallback.
#pragma once

#include "platform/rseq.h"

namespace reslab {

inline PopResult section_pop(uintptr_t) { return {nullptr, Section::kUnregistered}; }
inline Section section_push(uintptr_t, void*) { return Section::kUnregistered; }
inline BatchResult section_pop_batch(uintptr_t, uint32_t, void**, uint32_t) { return {0, Section::kUnregistered}; }
inline BatchResult section_push_batch(uintptr_t, void* const*, uint32_t) { return {0, Section::kUnregistered}; }
inline Section section_resize(uintptr_t, uint32_t) { return Section::kUnregistered; }

}  // namespace reslab
