// SPDX-License-Identifier: Apache-2.0
// Which mode this process runs in, how slots are numbered, and how many there can be. Decided once, when the root is
// made; no other code looks at CPU numbers.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/options.h"

namespace reslab {

inline constexpr uint32_t kMaxSlots = 4096;

enum class Mode : uint32_t { kNone, kRseq, kFallback };
enum class SlotSource : uint32_t { kCpuId, kMmCid, kThread };

struct CpuSetup {
  Mode mode;
  SlotSource source;
  const char* reason;     // why this mode, for people
  ptrdiff_t rseq_offset;  // from the thread pointer; only in kRseq
  ptrdiff_t slot_offset;
  uint32_t slots;    // ids are below this; taken from what is possible, not from what is online
  uint32_t regions;  // what is readable for sections, should ids be above that all the same: at least as many
  uint32_t nodes;    // of memory, among which slots are divided (platform/topology.h)
};

// For tests, of a machine that is not there; 0: as this one is.
struct InventedMachine {
  uint32_t nodes = 0;
  uint32_t cpus = 0;  // slots in mode fallback; in mode rseq ids are the kernel's
};

// `slots` is what the user asks for; mm_cid is taken only where the kernel has it.
CpuSetup detect_cpu(ModeOption wanted, SlotsOption slots, const InventedMachine& invented = {});

// How many ids there can be, by the files of /sys and by the kernel's own answer, which it rounds up to whole words, or to
// what it was built for. A section compares the id it finds with nothing, so wherever memory allows each id that either of
// the two admits has a region, though of one of which the file does not know it stays as it began: readable, and without a
// place to take from or to put into, so that its calls take the slow paths. Slots, which cost time in each round over them,
// are as many as both admit.
struct Ids {
  uint32_t slots;
  uint32_t regions;
};
Ids count_ids(const char* possible_file);

// One more than the highest id in a list such as "0-3,8-11"; 0: there is no such file, or it is too long.
uint32_t ids_in_file(const char* path);

// Registers for the membarrier that restarts sections on all CPUs; needed before a magazine of another CPU is drained.
bool register_rseq_fence();

// After it returns true, every section that was in flight when it was called has committed or been aborted.
bool rseq_fence();

}  // namespace reslab
