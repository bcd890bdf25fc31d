// SPDX-License-Identifier: Apache-2.0
#include "output.h"

#include <sys/socket.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "counters.h"

namespace cache_server {

void Output::put_one(std::string_view text) {
  if (!make_room(text.size())) return;
  memcpy(data_ + size_, text.data(), text.size());
  size_ += text.size();
}

void Output::put_one(uint64_t number) {
  char digits[20];
  const char* const end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  put_one(std::string_view(digits, static_cast<size_t>(end - digits)));
}

bool Output::make_room(size_t bytes) {
  if (capacity_ - size_ >= bytes) return true;
  if (sent_ > 0) {
    // Or the memory of a client who reads slowly, but reads, would grow for ever.
    memmove(data_, data_ + sent_, size_ - sent_);
    size_ -= sent_;
    sent_ = 0;
    return make_room(bytes);
  }
  const size_t capacity = std::bit_ceil(std::max(size_ + bytes, size_t{2048}));
  // What was charged to a group stays so when it grows.
  void* grown = data_ == nullptr ? reslab_group_malloc(group_, capacity) : reslab_realloc(data_, capacity);
  if (grown == nullptr) {
    has_failed_ = true;
    return false;
  }
  data_ = static_cast<char*>(grown);
  capacity_ = capacity;
  return true;
}

bool Output::send_to(int socket, Counters& counters) {
  if (has_failed_) return false;
  while (sent_ < size_) {
    const ssize_t sent = send(socket, data_ + sent_, size_ - sent_, MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN || errno == EINTR;
    sent_ += static_cast<size_t>(sent);
    Counters::add(counters.bytes_written, static_cast<uint64_t>(sent));
  }
  reslab_free(data_);
  data_ = nullptr;
  size_ = sent_ = capacity_ = 0;
  return true;
}

}  // namespace cache_server
