// SPDX-License-Identifier: Apache-2.0
#include "malloc/profile_dump.h"

#include <signal.h>
#include <unistd.h>

#include "api/sight.h"
#include "base/text.h"
#include "heap/root.h"
#include "malloc/output_file.h"
#include "profile/profile.h"

namespace reslab {
namespace {

constinit std::atomic<uint32_t> dumps{0};

void on_signal(int) {
  Line suffix;
  suffix.text(".").dec(dumps.fetch_add(1, std::memory_order_relaxed) + 1);
  const char* pattern = options().profile_file[0] != '\0' ? options().profile_file : "reslab.%p.heap";
  write_output_file(pattern, suffix.c_str(), "the heap profile", write_profile);
}

}  // namespace

void prepare_profile_dumps() {
  const uint64_t number = options().profile_signal;
  if (!profile_is_on() || number == 0) return;
  struct sigaction action = {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART | SA_ONSTACK;
  if (number < NSIG && sigaction(static_cast<int>(number), &action, nullptr) == 0) return;
  Line line;
  line.text("reslab: RESLAB_OPTIONS: profile_signal=")
      .dec(number)
      .text(" is no signal that can be handled; it is ignored");
  line.write_to(STDERR_FILENO);
}

void dump_profile_at_exit() {
  if (profile_is_on() && options().profile_file[0] != '\0') {
    write_output_file(options().profile_file, "", "the heap profile", write_profile);
  }
}

}  // namespace reslab
