// SPDX-License-Identifier: Apache-2.0
// What a client has not read yet of its answers. Charged to a group; no memory while there is nothing.
#pragma once

#include <reslab/reslab.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace cache_server {

struct Counters;

class Output {
 public:
  explicit Output(reslab_group* group) : group_(group) {}
  ~Output() { reslab_free(data_); }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  // Where the group has no room for it, what was put is dropped, and the next send_to fails.
  template <class... Parts>
  void put(const Parts&... parts) {
    (put_one(parts), ...);
  }

  bool is_empty() const { return size_ == sent_; }
  // Enough for now: whoever asks for more than this reads first.
  bool is_full() const { return size_ - sent_ >= kFullBytes || has_failed_; }

  // Sends as much as the client takes. False: the connection is of no use any more.
  bool send_to(int socket, Counters& counters);

 private:
  static constexpr size_t kFullBytes = 64 << 10;

  void put_one(std::string_view text);
  void put_one(uint64_t number);
  bool make_room(size_t bytes);

  reslab_group* const group_;
  char* data_ = nullptr;
  size_t size_ = 0, sent_ = 0, capacity_ = 0;
  bool has_failed_ = false;
};

}  // namespace cache_server
