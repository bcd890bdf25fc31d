// SPDX-License-Identifier: Apache-2.0
#include "channel.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <initializer_list>

#include "failure.h"

namespace progress {

using namespace support;

Channel::Channel() { expect(pipe(down_) == 0 && pipe(up_) == 0, "no pipes: %s", strerrordesc_np(errno)); }

Channel::~Channel() {
  for (const int end : {down_[0], down_[1], up_[0], up_[1]}) {
    if (end >= 0) close(end);
  }
}

void Channel::be_tracer() {
  close(down_[0]), close(up_[1]);
  in_ = up_[0], out_ = down_[1];
  down_[0] = up_[1] = -1;
}

void Channel::be_process() {
  close(down_[1]), close(up_[0]);
  in_ = down_[0], out_ = up_[1];
  down_[1] = up_[0] = -1;
}

void Channel::send(Message message) {
  char bytes[1 + sizeof traced_thread];
  bytes[0] = static_cast<char>(message);
  memcpy(bytes + 1, &traced_thread, sizeof traced_thread);
  const ssize_t sent = write(out_, bytes, sizeof bytes);
  expect(sent == sizeof bytes || errno == EPIPE, "a pipe between two processes broke: %s", strerrordesc_np(errno));
}

Message Channel::receive() {
  char bytes[1 + sizeof traced_thread];
  if (read(in_, bytes, sizeof bytes) != sizeof bytes) return Message::kGone;
  memcpy(&traced_thread, bytes + 1, sizeof traced_thread);
  return static_cast<Message>(bytes[0]);
}

}  // namespace progress
