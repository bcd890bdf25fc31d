// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"

#include "platform/syscall.h"

namespace reslab {

void Line::write_to(int fd) {
  buffer_[length_] = '\n';
  sys_write(fd, buffer_, length_ + 1);
}

}  // namespace reslab
