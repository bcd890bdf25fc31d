// SPDX-License-Identifier: Apache-2.0
// The region of one slot: all that reslab keeps for one CPU (or concurrency id), at regions + (slot << kRegionShift).
//
//   word 0         headers, one {u32 top, u32 end} for each class id; indices count words from the region's start
//   kFirstArray    the magazines: for each class a reserved NULL word, then its slots
//   kClosedTop-1   a reserved word behind them, always NULL, so that a closed header pops NULL
//   kSlowBytes     CpuState, then one ClassSlot for each class: what slow paths need (cache/cpu_state.h)
//   last word      reserved, always NULL: it is slot[-1] of the next region, which a zero header there pops (2)
//
// A header has three readings. Open: begin < top <= end counts. Empty or full: top == begin, top == end. Closed:
// {kClosedTop, 0}, which no section ever commits (3), or the zero bytes of a region never touched. A closed header
// fails pop (NULL) and push (top >= end) by the very tests that empty and full take, so the fast path has no flag.
// kClosedTop lies above every end: a push that loaded an open end, and then the top of a header closed in between, must
// find no room as well.
#pragma once

#include <cstddef>
#include <cstdint>

namespace reslab {

inline constexpr unsigned kRegionShift = 19;
inline constexpr size_t kRegionBytes = size_t{1} << kRegionShift;
inline constexpr uint32_t kMaxClasses = 4096;
inline constexpr uint32_t kFirstArray = kMaxClasses;  // its sentinel; the first slot is one further
inline constexpr size_t kSlowBytes = 384 << 10;
inline constexpr uint32_t kClosedTop = kSlowBytes / 8;
inline constexpr uint32_t kArraysEnd = kClosedTop - 1;

// The header as one 64-bit word: whoever opens or closes a magazine writes both halves by one store (1).
constexpr uint64_t header_of(uint32_t top, uint32_t end) { return uint64_t{end} << 32 | top; }
constexpr uint32_t header_top(uint64_t header) { return static_cast<uint32_t>(header); }
constexpr uint32_t header_end(uint64_t header) { return static_cast<uint32_t>(header >> 32); }
inline constexpr uint64_t kClosedHeader = header_of(kClosedTop, 0);

static_assert(kArraysEnd <= kClosedTop - 1,
              "the word that a closed header pops from is no slot, and no end is above it");

}  // namespace reslab
