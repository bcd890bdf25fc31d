# SPDX-License-Identifier: Apache-2.0
"""Commands run in process groups of their own, with a time limit, and measured.

Invariants: a command never outlives its time limit, nor does anything that it started: its whole
group is killed, and whatever left the group is adopted by this process (child subreaper) and killed
by `end_strays`. Output goes to files, never to pipes: a stray that keeps a pipe open cannot make
the caller wait.
"""

import ctypes
import dataclasses
import os
import pathlib
import select
import signal
import subprocess
import tempfile

PR_SET_CHILD_SUBREAPER = 36


class TimeLimit(Exception):
    """The command was still running at its time limit; the text says what its processes were doing."""


@dataclasses.dataclass(frozen=True)
class Finished:
    """A command that has ended: `status` is its exit status, or minus the signal that ended it."""

    argv: tuple
    pid: int
    status: int
    stdout: bytes
    stderr: str
    max_rss_kib: int
    minor_faults: int


class Command:
    """A command that has been started. Ended by `wait` or `kill`, whichever comes first."""

    def __init__(self, argv, *, env, cwd, stdin=None):
        self.argv = tuple(str(word) for word in argv)
        self._stdout = tempfile.TemporaryFile()
        self._stderr = tempfile.TemporaryFile()
        with open(stdin or os.devnull, "rb") as source:
            self._process = subprocess.Popen(
                self.argv, env=env, cwd=cwd, stdin=source, stdout=self._stdout,
                stderr=self._stderr, start_new_session=True)
        self.pid = self._process.pid

    def wait(self, seconds):
        """The finished command; TimeLimit, after killing its group, when it takes longer than `seconds`."""
        if not _ends_within(self.pid, seconds):
            processes = describe_group(self.pid)
            self.kill()
            raise TimeLimit(f"still running after {seconds:.0f} s, killed; its processes were\n{processes}"
                            f"\nthe end of its stderr:\n{tail(self.stderr())}")
        _kill_group(self.pid)  # what it left behind; before it is reaped, while the number is its own
        _, wait_status, usage = os.wait4(self.pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(wait_status)
        return Finished(self.argv, self.pid, self._process.returncode, _content(self._stdout),
                        self.stderr(), usage.ru_maxrss, usage.ru_minflt)

    def ended(self):
        """True once the command itself has ended; it has to be waited for all the same."""
        return _ends_within(self.pid, 0)

    def kill(self):
        """Ends the whole group at once; nothing when the command has been waited for."""
        if self._process.returncode is not None:
            return
        _kill_group(self.pid)
        self._process.wait()

    def stderr(self):
        """What the command has written to its standard error so far."""
        return _content(self._stderr).decode(errors="backslashreplace")


def run(argv, *, env, cwd, seconds, stdin=None):
    """Runs a command to its end and returns it Finished, whatever its exit status."""
    command = Command(argv, env=env, cwd=cwd, stdin=stdin)
    try:
        return command.wait(seconds)
    finally:
        command.kill()


def adopt_strays():
    """Makes this process the parent of every descendant whose own parent ends, so that none gets away."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def end_strays():
    """Kills and reaps all children of this process; ends because each round leaves fewer descendants."""
    while children := _children():
        for pid in children:
            _signal(os.kill, pid)
        for pid in children:
            try:
                os.waitpid(pid, 0)
            except ChildProcessError:
                pass


def describe_group(group):
    """One line for each process of the group: pid, name, state, where it waits, command line."""
    lines = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            name, _, rest = (entry / "stat").read_text().rpartition(")")
            state, _, process_group = rest.split()[:3]
            if int(process_group) == group:
                waits = (entry / "wchan").read_text() or "?"
                words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                lines.append(f"  {entry.name} {name.partition('(')[2]} state {state} in {waits}: {words[:160]}")
        except OSError:
            continue  # it ended meanwhile
    return "\n".join(lines) or "  (none left)"


def tail(text, lines=20):
    """The last lines of a text, indented, for a failure message."""
    kept = text.splitlines()[-lines:]
    return "\n".join("  " + line[:400] for line in kept) or "  (empty)"


def _ends_within(pid, seconds):
    """True when the process has ended (it stays to be waited for) before the time is up."""
    fd = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        return bool(poll.poll(seconds * 1000))
    finally:
        os.close(fd)


def _kill_group(group):
    _signal(os.killpg, group)


def _signal(send, target):
    try:
        send(target, signal.SIGKILL)
    except ProcessLookupError:
        pass


def _children():
    return [int(pid) for task in pathlib.Path("/proc/self/task").iterdir()
            for pid in (task / "children").read_text().split()]


def _content(file):
    file.seek(0)
    return file.read()
