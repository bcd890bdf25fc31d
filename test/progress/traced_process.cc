// SPDX-License-Identifier: Apache-2.0
#include "traced_process.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "failure.h"

namespace progress {

using namespace support;

namespace {

constexpr unsigned kMostSeconds = 60;  // for one process, on a machine with much else to do

// Threads of it that are traced keep its end from being seen until they have been waited for.
void expect_good_end(pid_t process) {
  int status = 0;
  for (pid_t ended = 0; ended != process;) {
    ended = waitpid(-1, &status, __WALL);
    expect(ended >= 0 || errno == EINTR, "waitpid: %s", strerrordesc_np(errno));
  }
  expect(!WIFSIGNALED(status), "the process died of SIG%s", sigabbrev_np(WTERMSIG(status)));
  expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the process failed with status %#x",
         static_cast<unsigned>(status));
}

}  // namespace

TracedProcess::TracedProcess(const Operation& operation, const Deed& deed) {
  set_stage("the process is set up");
  process_ = fork();
  expect(process_ >= 0, "fork: %s", strerrordesc_np(errno));
  if (process_ == 0) {
    channel_.be_process();
    play(operation, deed, channel_);
  }
  channel_.be_tracer();
  limit_time(kMostSeconds, process_);
  expect_message(Message::kTraceMe);
  set_stage("the operation runs to its place");
  doer_.emplace(channel_.traced_thread);
}

void TracedProcess::expect_message(Message wanted) {
  if (channel_.receive() == wanted) return;
  expect_good_end(process_);
  expect(false, "the process ended early");
}

void TracedProcess::report(Message stopped_or_missed) {
  set_stage("the others work beside the stopped operation");
  channel_.send(stopped_or_missed);
  expect_message(Message::kDone);
}

void TracedProcess::end() {
  doer_->let_go();
  set_stage("the process audits itself after the operation");
  channel_.send(Message::kEnd);
  expect_good_end(process_);
  limit_time(0);
}

}  // namespace progress
