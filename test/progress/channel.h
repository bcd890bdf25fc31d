// SPDX-License-Identifier: Apache-2.0
// What the tracer and the process that it traces tell each other: one letter at a time, through two pipes, with a
// thread's number behind kTraceMe. Whoever reads from a process that has ended gets kGone.
#pragma once

#include <sys/types.h>

namespace progress {

enum class Message : char {
  kTraceMe = 'T',  // up: that thread begins
  kStopped = 'S',  // down: it is where it should stay
  kMissed = 'M',   // down: it has come to its end without passing there
  kDone = 'D',     // up: the others have done what they do meanwhile
  kEnd = 'E',      // down: it is at its end
  kGone = '\0',
};

class Channel {
 public:
  Channel();
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  void be_tracer();   // after fork, in the parent
  void be_process();  // and in the child

  void send(Message message);
  Message receive();

  pid_t traced_thread = 0;  // of the last kTraceMe; the sender sets it before
 private:
  int down_[2], up_[2];
  int in_ = -1, out_ = -1;
};

}  // namespace progress
