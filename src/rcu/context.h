// SPDX-License-Identifier: Apache-2.0
// Where a call may not wait for a grace period, and being out of the way of one while it waits.
#pragma once

#include <cstdint>

namespace reslab {

// Of the calling thread. Always false for qsbr, where a reader is whoever is online.
bool is_in_read_section();

// False: refused, counted, and reported with the reason (21). `frame` is the caller's.
bool may_wait_for_readers(const char* call, uintptr_t frame);

// The same where nobody can be made to free: `error` is that of start_reclaiming().
void refuse_waiting(const char* call, int error);

#define RESLAB_RCU_FRAME reinterpret_cast<uintptr_t>(__builtin_frame_address(0))

// A thread of the flavour qsbr is a reader whenever it is online: while it waits it is not.
class Offline {
 public:
  Offline();
  ~Offline();
  Offline(const Offline&) = delete;
  Offline& operator=(const Offline&) = delete;

 private:
  bool was_online_;
};

}  // namespace reslab
