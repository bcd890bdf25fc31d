// SPDX-License-Identifier: Apache-2.0
#include "child.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>

#include "failure.h"

namespace support {

void expect_good_end_of(pid_t child, const char* what) {
  expect(child >= 0, "%s cannot be forked: %s", what, strerrordesc_np(errno));
  int status = 0;
  while (waitpid(child, &status, 0) < 0) expect(errno == EINTR, "waitpid: %s", strerrordesc_np(errno));
  expect(!WIFSIGNALED(status), "%s died of SIG%s", what, sigabbrev_np(WTERMSIG(status)));
  expect(WEXITSTATUS(status) == 0, "%s failed with status %d", what, WEXITSTATUS(status));
}

}  // namespace support
