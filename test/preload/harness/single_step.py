# SPDX-License-Identifier: Apache-2.0
"""Counts the instructions a command executes in user mode, by stepping through it one at a time.

Exact, the same on every machine, without a hardware counter or a right to use one, and the command
runs on the real kernel: restartable sequences are registered (each step aborts one: the few calls a
short command makes take the slow way once more). A repeated string instruction stops once for each
repetition and is counted once, as a processor's counter does.
"""

import ctypes
import errno
import os
import signal

PTRACE_TRACEME, PTRACE_PEEKUSER, PTRACE_SINGLESTEP = 0, 3, 9
RIP_OFFSET = 16 * 8  # of `rip` in x86-64's struct user_regs_struct


class Uncountable(Exception):
    """The command could not be stepped through to a good end; the text says why."""


def instructions(argv, env, limit):
    """The instructions of one run of `argv`, at most `limit`: past that the command is killed."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.restype = ctypes.c_long
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    pid = os.fork()
    if pid == 0:
        _become(libc, argv, env)
    try:
        return _count(libc, pid, limit)
    except BaseException:
        _end(pid)
        raise


def _become(libc, argv, env):
    """In the child: asks to be traced and becomes the command, which stops at its first instruction."""
    try:
        if libc.ptrace(PTRACE_TRACEME, 0, None, None) == 0:
            os.execve(argv[0], argv, env)
    finally:
        os._exit(127)


def _count(libc, pid, limit):
    counted, last = 0, None
    _, status = os.waitpid(pid, 0)
    while os.WIFSTOPPED(status):
        if os.WSTOPSIG(status) != signal.SIGTRAP:
            raise Uncountable(f"stopped by {signal.Signals(os.WSTOPSIG(status)).name} after {counted} instructions")
        address = libc.ptrace(PTRACE_PEEKUSER, pid, RIP_OFFSET, None)
        counted += address != last
        last = address
        if counted > limit:
            raise Uncountable(f"more than {limit} instructions")
        if libc.ptrace(PTRACE_SINGLESTEP, pid, None, None) != 0:
            raise Uncountable(f"ptrace: {errno.errorcode[ctypes.get_errno()]}")
        _, status = os.waitpid(pid, 0)
    if os.waitstatus_to_exitcode(status) != 0 or counted == 0:
        raise Uncountable(f"ended with status {os.waitstatus_to_exitcode(status)} after {counted} instructions")
    return counted


def _end(pid):
    """Kills and reaps the command after a failure, unless it was reaped already."""
    try:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    except (ProcessLookupError, ChildProcessError):
        pass
