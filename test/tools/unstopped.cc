// SPDX-License-Identifier: Apache-2.0
// unstopped COMMAND...: runs a command that is killed as soon as it would stop, trace, or signal another process.

#include <seccomp.h>
#include <unistd.h>

#include <cstdio>
#include <initializer_list>

int main(int argc, char** argv) {
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  for (const int call : {SCMP_SYS(ptrace), SCMP_SYS(kill), SCMP_SYS(tkill), SCMP_SYS(tgkill), SCMP_SYS(rt_sigqueueinfo),
                         SCMP_SYS(rt_tgsigqueueinfo), SCMP_SYS(pidfd_send_signal), SCMP_SYS(process_vm_writev),
                         SCMP_SYS(process_madvise)}) {
    if (seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, call, 0) != 0) return 3;
  }
  if (argc < 2 || seccomp_load(filter) != 0) return 3;
  execv(argv[1], argv + 1);
  perror(argv[1]);
  return 3;
}
