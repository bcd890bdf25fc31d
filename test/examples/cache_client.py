# SPDX-License-Identifier: Apache-2.0
"""The example cache server as a process, memcached as another, and a client of either."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from harness import end_in_words, fail

SECONDS_TO_ANSWER = 30  # a server that takes longer hangs


class Client:
    def __init__(self, place):
        """`place`: a port on this machine, or the path of a socket."""
        self.socket = socket.socket(socket.AF_INET if isinstance(place, int) else socket.AF_UNIX)
        self.socket.settimeout(SECONDS_TO_ANSWER)
        self.socket.connect(("127.0.0.1", place) if isinstance(place, int) else str(place))
        self.stream = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.stream.close()
        self.socket.close()

    def send(self, text):
        self.socket.sendall(text)

    def line(self):
        return self.stream.readline()

    def ask(self, text, answer):
        """Sends, and fails where the answer is another."""
        self.send(text)
        self.expect(answer, text)

    def expect(self, answer, question=b""):
        found = b""
        try:
            while len(found) < len(answer) and (more := self.stream.readline()):
                found += more
        except TimeoutError:
            found += b" and then nothing"
        if found != answer:
            fail(f"{question[:80]!r} was answered {found[:200]!r}, not {answer[:200]!r}")

    def set(self, key, value, flags=0, expires=0):
        self.send(b"set %s %d %d %d\r\n%s\r\n" % (key, flags, expires, len(value), value))
        return self.line().rstrip()

    def get(self, key):
        """None: it is not there."""
        self.send(b"get %s\r\n" % key)
        return self.value()

    def value(self):
        head = self.line().split()
        if head == [b"END"]:
            return None
        if len(head) != 4 or head[0] != b"VALUE":
            fail(f"a get was answered {head}")
        data = self.stream.read(int(head[3]) + 2)
        if data[-2:] != b"\r\n" or self.line() != b"END\r\n":
            fail("a value without its end")
        return data[:-2]

    def statistics(self):
        self.send(b"stats\r\n")
        found = {}
        while (words := self.line().decode().split())[0] == "STAT":
            found[words[1]] = words[2]
        return found

    def figure(self, name):
        return int(self.statistics()[name])


class Server:
    """The example; at the end of the block it is told to stop, and must say that its memory was all back."""

    def __init__(self, program, mode, *options):
        self.process = subprocess.Popen([program, "--port", "0", *options], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        port = re.fullmatch(r"listening on port (\d+)\n", self.process.stdout.readline())
        if port is None:
            fail("the server does not start", self.process.communicate()[1])
        self.place = int(port[1])
        with self.client() as client:
            found = client.statistics()["reslab_mode"]
        if found != mode:
            fail(f"the server runs in mode {found}, not {mode}")

    def __enter__(self):
        return self

    def __exit__(self, error, *_):
        if error is not None:
            self.process.kill()
        self.process.send_signal(signal.SIGTERM)
        try:
            _, said = self.process.communicate(timeout=SECONDS_TO_ANSWER)
        except subprocess.TimeoutExpired:
            self.process.kill()
            fail("the server does not stop")
        if error is None and self.process.returncode != 0:
            fail(f"the server ended with {end_in_words(self.process.returncode)}", said)

    def client(self):
        return Client(self.place)

    def resident_bytes(self):
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", text)[1]) << 10


@contextlib.contextmanager
def memcached(program):
    """The place of one that lasts as long as the block."""
    with tempfile.TemporaryDirectory(prefix="reslab-memcached-") as folder:
        place = Path(folder) / "socket"
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        os.chmod(folder, 0o777)
        process = subprocess.Popen([program, "-s", str(place), *user])
        try:
            end = time.monotonic() + SECONDS_TO_ANSWER
            while not place.exists():
                if process.poll() is not None or time.monotonic() > end:
                    fail("memcached does not start")
                time.sleep(0.01)
            yield place
        finally:
            process.kill()
            process.wait()
