// SPDX-License-Identifier: Apache-2.0
// An array straight from mmap: a workload's own data must be nobody's heap.
#pragma once

#include <sys/mman.h>

#include <cstddef>

#include "frame.h"

namespace workload {

template <typename T>
class Table {  // of zero bytes; lives as long as the program
 public:
  explicit Table(size_t size) : size_(size) {
    void* const memory = mmap(nullptr, size * sizeof(T), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) die("no memory for a table");
    entries_ = static_cast<T*>(memory);
  }

  // Gives the memory back: the entries are zero again, and nothing of them is resident.
  void discard() { madvise(entries_, size_ * sizeof(T), MADV_DONTNEED); }

  T& operator[](size_t i) { return entries_[i]; }
  size_t size() const { return size_; }
  T* begin() { return entries_; }
  T* end() { return entries_ + size_; }

 private:
  T* entries_;
  size_t size_;
};

}  // namespace workload
