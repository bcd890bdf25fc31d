// SPDX-License-Identifier: Apache-2.0
// An arena of a test's own, with a small window: its bounds can be met, and nobody else claims from it.
#pragma once

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <vector>

#include "arena/arena.h"
#include "platform/page_size.h"
#include "platform/vm.h"

namespace unit {

using namespace reslab;

class OwnArena : public testing::Test {
 protected:
  static constexpr uint32_t kUnits = 4096;  // 256 MiB
  static constexpr uint32_t kLast = kUnits - 1;
  // Where neither the kernel nor AddressSanitizer puts anything, nor reslab, whose own place is drawn between 16 and 33 TiB
  // (heap/root.cc). ThreadSanitizer follows only what lies where the kernel maps: this is the far end of that.
#ifdef __SANITIZE_THREAD__
  static constexpr uintptr_t kBase = 0x7e90'0000'0000;
#else
  static constexpr uintptr_t kBase = uintptr_t{48} << 40;
#endif

  void SetUp() override { make(kUnits); }
  void TearDown() override { unmake(); }

  // A fresh arena of which only `reserved_units` are reserved.
  void make(uint32_t reserved_units, uint32_t units = kUnits) {
    unmake();
    base_ = reinterpret_cast<char*>(kBase);
    ASSERT_EQ(vm_reserve_at(base_, size_t{reserved_units} << kUnitShift), Place::kOurs);
    chunks_bytes_ = (units / kUnitsInChunk + 1) * kChunkBytes;
    chunks_ = static_cast<char*>(vm_reserve(chunks_bytes_, 0));
    class_of_.assign(units, 0);
    const size_t words = units / 64 + 1;
    bitmaps_ = std::vector<std::atomic<uint64_t>>(2 * words + words / 64 + 1);
    arena_ = new Arena();
    arena_->init({reinterpret_cast<uintptr_t>(base_), units, chunks_, class_of_.data(), nullptr}, reserved_units,
                 bitmaps_.data());
  }

  void unmake() {
    if (arena_ == nullptr) return;
    vm_release(base_, size_t{arena_->reserved()} << kUnitShift);
    vm_release(chunks_, chunks_bytes_);
    delete arena_;
    arena_ = nullptr;
  }

  Arena& own() { return *arena_; }
  char* at(uint32_t unit) const { return base_ + (size_t{unit} << kUnitShift); }

  void fill(uint32_t first, uint32_t count, int value) { memset(at(first), value, size_t{count} << kUnitShift); }
  bool is_all(uint32_t first, uint32_t count, char value) const {
    const char* start = at(first);
    const size_t bytes = size_t{count} << kUnitShift;
    return start[0] == value && memcmp(start, start + 1, bytes - 1) == 0;
  }
  bool is_mapped(uint32_t unit) const {
    unsigned char resident[kUnitBytes / kLeastPageBytes];
    return mincore(at(unit), kUnitBytes, resident) == 0;
  }

  // Everything that can be had, down to single units.
  uint32_t claim_all() {
    uint32_t claimed = 0;
    for (uint32_t count = 64; count > 0; count /= 2) {
      while (own().claim(count, 1, Contract::kPlain).first != 0) claimed += count;
    }
    return claimed;
  }

 private:
  char* base_ = nullptr;
  char* chunks_ = nullptr;
  size_t chunks_bytes_ = 0;
  std::vector<uint16_t> class_of_;
  std::vector<std::atomic<uint64_t>> bitmaps_;
  Arena* arena_ = nullptr;
};

}  // namespace unit
