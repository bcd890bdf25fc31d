// SPDX-License-Identifier: Apache-2.0
// A file's bytes, mapped as long as this lives; empty when it cannot be read.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <string_view>

namespace examples {

class MappedFile {
 public:
  explicit MappedFile(const char* path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&&) = delete;

  size_t bytes() const { return bytes_; }

  // The `count` elements at `offset`, or null where the file is shorter: it is not ours, and may hold anything.
  template <typename T>
  const T* elements_at(uint64_t offset, uint64_t count) const {
    if (offset > bytes_ || count > (bytes_ - offset) / sizeof(T) || offset % alignof(T) != 0) return nullptr;
    return reinterpret_cast<const T*>(static_cast<const char*>(data_) + offset);
  }

 private:
  void* data_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace examples
