// SPDX-License-Identifier: Apache-2.0
// Text without stdio: a line of fixed size built on the stack, written by one system call. Safe in any context.
#pragma once

#include <cstddef>
#include <cstdint>

namespace reslab {

// As much of `text` as fits, with its end; nullptr is empty. `out_size` is above 0.
inline void copy_text(char* out, size_t out_size, const char* text) {
  size_t n = 0;
  for (; text != nullptr && text[n] != '\0' && n + 1 < out_size; ++n) out[n] = text[n];
  out[n] = '\0';
}

class Line {
 public:
  Line& text(const char* s) {
    while (*s != '\0') put(*s++);
    return *this;
  }
  Line& text(const char* s, size_t length) {
    for (size_t i = 0; i < length; ++i) put(s[i]);
    return *this;
  }
  Line& dec(uint64_t value) { return digits(value, 10); }
  Line& hex(uint64_t value) { return text("0x").digits(value, 16); }
  Line& ptr(const void* p) { return hex(reinterpret_cast<uintptr_t>(p)); }

  const char* c_str() {
    buffer_[length_] = '\0';
    return buffer_;
  }
  size_t length() const { return length_; }

  // Writes the line and a newline; a short or failed write is nobody's to repair here.
  void write_to(int fd);

 private:
  void put(char c) {
    if (length_ < kCapacity) buffer_[length_++] = c;
  }
  Line& digits(uint64_t value, unsigned base) {
    char reversed[20];
    size_t n = 0;
    do {
      reversed[n++] = "0123456789abcdef"[value % base];
      value /= base;
    } while (value != 0);
    while (n > 0) put(reversed[--n]);
    return *this;
  }

  static constexpr size_t kCapacity = 382;  // longer text is cut: a report must fit a small alternate stack
  char buffer_[kCapacity + 2];
  size_t length_ = 0;
};

}  // namespace reslab
