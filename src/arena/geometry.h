// SPDX-License-Identifier: Apache-2.0
// The address window: where things are, computed once. Everything reslab hands out lies in one window of 64-KiB units;
// what describes a unit lies out of band in one metadata mapping (49).
//
//   window     [ reserved ............................ | not ours yet ......... ]   unit 0 is never used
//              [ committed ............ | PROT_NONE ...]
//              [ in use up to frontier  |..............]
//
//   metadata   [ root | unit bitmaps | class_of ]              writable from the start, touched as used
//              [ block chunks ]                                pools of pointer blocks (cache/)
//              [ regions ]                                     readable from the start, writable by first slow path
//              [ unit chunks ]  one for each 1,024 units:      writable before their units are
//                  1,024 descriptors | dense bitmaps | retired bits | dense pending bits | dense waiting bits
//
// The last three are the two generations of bits for deferred reclamation (12), of slabs whose bitmap fits the descriptor
// side by side in 128 bytes, of dense ones like their bitmaps. They are writable from the start and cost no page until
// libreslab-rcu is there.
#pragma once

#include <cstddef>
#include <cstdint>

namespace reslab {

inline constexpr unsigned kUnitShift = 16;
inline constexpr size_t kUnitBytes = size_t{1} << kUnitShift;
inline constexpr uint32_t kMaxUnits = 1u << 24;  // 1 TiB, and what a tagged index can name

inline constexpr uint32_t kUnitsInChunk = 1024;
inline constexpr size_t kDescriptorBytes = 128;
inline constexpr size_t kDenseBytes = 512;  // one bit for each 16 bytes of a unit
inline constexpr size_t kChunkDescriptors = 0;
inline constexpr size_t kChunkDense = kUnitsInChunk * kDescriptorBytes;
inline constexpr size_t kRetiredBytes = 128;  // 64 pending, 64 waiting
inline constexpr size_t kChunkRetired = kChunkDense + kUnitsInChunk * kDenseBytes;
inline constexpr size_t kChunkPending = kChunkRetired + kUnitsInChunk * kRetiredBytes;
inline constexpr size_t kChunkWaiting = kChunkPending + kUnitsInChunk * kDenseBytes;
inline constexpr size_t kChunkBytes = kChunkWaiting + kUnitsInChunk * kDenseBytes;

// An entry of the unit map: {the unit's place in its slab:4, class:12}; 0 where no object starts. The class is in the low
// bits because a free waits for it: one AND less on its longest chain.
constexpr uint16_t unit_entry(uint32_t cls, uint32_t place) { return static_cast<uint16_t>(place << 12 | cls); }
constexpr uint32_t entry_class(uint32_t entry) { return entry & 0xfff; }
constexpr uint32_t entry_place(uint32_t entry) { return entry >> 12; }

constexpr size_t round_up(size_t value, size_t multiple) { return (value + multiple - 1) / multiple * multiple; }
constexpr size_t units_for(size_t bytes) { return (bytes + kUnitBytes - 1) >> kUnitShift; }

}  // namespace reslab
