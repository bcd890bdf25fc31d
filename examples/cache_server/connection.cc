// SPDX-License-Identifier: Apache-2.0
#include "connection.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace cache_server {

Connection::~Connection() { close(socket_); }

uint32_t Connection::awaited_events() const { return was_full_ || !output_.is_empty() ? EPOLLOUT : EPOLLIN; }

bool Connection::serve() {
  if (awaited_events() == EPOLLIN && !receive()) return false;
  begin_ += session_.consume({input_ + begin_, end_ - begin_}, output_);
  was_full_ = output_.is_full();
  if (!output_.send_to(socket_, counters_)) return false;
  return !session_.is_over() || !output_.is_empty();
}

// The data of a large value go straight to their place, all else through the buffer.
bool Connection::receive() {
  const std::span<char> wanted = begin_ == end_ ? session_.wanted_data() : std::span<char>();
  const bool is_direct = wanted.size() > sizeof input_;
  if (!is_direct) {
    memmove(input_, input_ + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  const ssize_t received = is_direct ? recv(socket_, wanted.data(), wanted.size(), 0)
                                     : recv(socket_, input_ + end_, sizeof input_ - end_, 0);
  if (received == 0) return false;
  if (received < 0) return errno == EAGAIN || errno == EINTR;
  const auto bytes = static_cast<size_t>(received);
  Counters::add(counters_.bytes_read, bytes);
  if (is_direct) {
    session_.data_came(bytes, output_);
  } else {
    end_ += bytes;
  }
  return true;
}

}  // namespace cache_server
