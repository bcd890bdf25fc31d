// SPDX-License-Identifier: Apache-2.0
// Which mode this process runs in, how slots are numbered, and how many there can be. Decided once, when the root is
// made; no other code looks at CPU numbers.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/options.h"

namespace reslab {

enum class Mode : uint32_t { kNone, kRseq, kFallback };
enum class SlotSource : uint32_t { kCpuId, kMmCid, kThread };

struct CpuSetup {
  Mode mode;
  SlotSource source;
  const char* reason;     // why this mode, for people
  ptrdiff_t rseq_offset;  // from the thread pointer; only in kRseq
  ptrdiff_t slot_offset;
  uint32_t slots;  // ids are below this; taken from what is possible, not from what is online
  uint32_t nodes;  // of memory, among which slots are divided (platform/topology.h)
};

// For tests, of a machine that is not there; 0: as this one is.
struct InventedMachine {
  uint32_t nodes = 0;
  uint32_t cpus = 0;  // more than are possible, in mode rseq, where the kernel's ids are taken
};

// `slots` is what the user asks for; mm_cid is taken only where the kernel has it.
CpuSetup detect_cpu(ModeOption wanted, SlotsOption slots, const InventedMachine& invented = {});

// Registers for the membarrier that restarts sections on all CPUs; needed before a magazine of another CPU is drained.
bool register_rseq_fence();

// After it returns true, every section that was in flight when it was called has committed or been aborted.
bool rseq_fence();

}  // namespace reslab
