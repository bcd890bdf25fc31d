// SPDX-License-Identifier: Apache-2.0
// A range of address space that is reserved up to one mark and writable up to another, both moved without a lock:
//
//   start [ writable .......| reserved, PROT_NONE ......| not ours: reserved later, if it is still empty then ]
//
// In elements of `stride` bytes. Both marks are one word, so that a commit cannot be published into a tail that was
// given back meanwhile. Below the marks there may be holes, which were skipped, and which the owner knows of.
//
//                      commit   reserve   give_back   handler on the same thread     child after fork
//   commit, reserve    yes      yes       yes (1)     yes                            marks are right; a mapping without
//   give_back          yes      yes (1)   yes         yes                            a mark is only found taken
//   (1) between a give_back's new mark and its munmap the range cannot be reserved again, as between a reserve's mmap and
//       its mark: reserve() finds it taken that long
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "platform/vm.h"

namespace reslab {

class Extent {
 public:
  void init(char* start, size_t stride, uint32_t reserved, uint32_t writable);

  // At least `needed` elements reserved, `wished` if they can be had. kOurs: they are, or others were faster so often that
  // the caller may look again. kTaken: the place is somebody else's, or that of a thread which has not published its mark
  // yet; nobody can tell which.
  Place reserve(uint32_t needed, uint32_t wished);
  // Both marks go on to `end`, if they are below. What was reserved and not writable is unmapped, and nothing of what was
  // skipped will be touched.
  void skip_to(uint32_t end);
  // The first `end` elements writable. False: the system refused, or they are not reserved.
  bool commit(uint32_t end);
  // Unmaps what is reserved beyond `keep` elements and not writable.
  void give_back(uint32_t keep);

  // acquire: whoever sees the mark may touch what it covers.
  uint32_t writable() const { return writable_of(marks_.load(std::memory_order_acquire)); }
  uint32_t reserved() const { return reserved_of(marks_.load(std::memory_order_relaxed)); }
  size_t writable_bytes() const { return writable() * stride_; }

 private:
  friend struct ImageWriter;  // tells readers outside where its parts are

  // {returns:16, reserved:24, writable:24}. `returns` counts the tails given back: one that was given back and reserved
  // again looks as before, but is no longer writable to whoever made it so in between.
  static constexpr uint64_t kPart = (uint64_t{1} << 24) - 1;
  static constexpr uint32_t reserved_of(uint64_t marks) { return static_cast<uint32_t>(marks >> 24 & kPart); }
  static constexpr uint32_t writable_of(uint64_t marks) { return static_cast<uint32_t>(marks & kPart); }
  static constexpr uint64_t with_writable(uint64_t marks, uint32_t writable) { return (marks & ~kPart) | writable; }
  static constexpr uint64_t with_reserved(uint64_t marks, uint32_t reserved) {
    return (marks & ~(kPart << 24)) | uint64_t{reserved} << 24;
  }
  static constexpr uint64_t given_back(uint64_t marks, uint32_t reserved) {
    return with_reserved(marks, reserved) + (uint64_t{1} << 48);
  }

  static constexpr uint64_t skipped(uint64_t marks, uint32_t end) { return given_back(with_writable(marks, end), end); }

  char* at(uint32_t element) const { return start_ + element * stride_; }
  bool publish_reserved(uint32_t start, uint32_t end);

  char* start_;
  size_t stride_;
  std::atomic<uint64_t> marks_;
};

}  // namespace reslab
