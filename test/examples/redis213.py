# SPDX-License-Identifier: Apache-2.0
"""Redis issue 213: clients keep a server busy while it gets thousands of signals whose handler ends in free(). Under
reslab it must serve right answers to the end and shut down when told, in the middle of them. How it fares on the system's malloc is shown, with
a time limit, and proves nothing here: it may hang, crash, or get through.

Usage: redis213.py LIBRARY MODE SERVER SECONDS
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from harness import Reslab, end_in_words, fail

CLIENTS = 2
KEYS = 500
LEAST_SIGNALS_PER_SECOND = 200
SECONDS_TO_ANSWER = 5  # a server that takes longer hangs
SECONDS_ON_SYSTEM = 3


class Broken(Exception):
    """The server does not answer, or not what it should."""


class Client(threading.Thread):
    """Sets values and reads them back, in batches, until told to stop, or until the server goes when it may."""

    def __init__(self, path, number):
        super().__init__(daemon=True)
        self.number, self.server_may_go, self.answers, self.trouble = number, False, 0, None
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(SECONDS_TO_ANSWER)
        self.socket.connect(str(path))
        self.lines = self.socket.makefile("r")

    def value(self, key, turn):
        return f"{self.number}.{key}.{turn}." + "v" * ((key * 37 + turn * 11) % 900)

    def ask(self, questions, expected):
        self.socket.sendall("".join(question + "\n" for question in questions).encode())
        for answer in expected:
            line = self.lines.readline()
            if not line.endswith("\n") and self.server_may_go:
                return
            line = line.rstrip("\n")
            if line != answer:
                raise Broken(f"answered {line[:60]!r}, not {answer[:60]!r}")
        self.answers += len(expected)

    def run(self):
        try:
            turn = 0
            while not self.server_may_go:
                for begin in range(0, KEYS, 50):
                    pairs = [(f"key:{self.number}:{key}", self.value(key, turn)) for key in range(begin, begin + 50)]
                    self.ask([f"SET {key} {value}" for key, value in pairs], ["+OK"] * len(pairs))
                    self.ask([f"GET {key}" for key, _ in pairs], [value for _, value in pairs])
                turn += 1
        except Broken as error:
            self.trouble = str(error)
        except OSError as error:
            if not self.server_may_go:
                self.trouble = str(error) or type(error).__name__


def start(server, folder, env):
    path, log = folder / "socket", folder / "log"
    process = subprocess.Popen([server, path, log], env=env, stdin=subprocess.DEVNULL)
    end = time.monotonic() + 10
    while not (path.exists() and log.exists()):
        if time.monotonic() > end or process.poll() is not None:
            fail("the server does not start")
        time.sleep(0.01)
    return process, path, log


def storm(process, clients, seconds):
    """Sends signals until the time is over or something is wrong; how many it sent."""
    sent = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None and all(c.trouble is None for c in clients):
        process.send_signal(signal.SIGUSR1)
        sent += 1
        time.sleep(0.0004)
    return sent


def serve(server, folder, env, seconds):
    """A whole life of the server. What went wrong, or None; how many signals were handled; how many answers came."""
    process, path, log = start(server, folder, env)
    try:
        clients = [Client(path, number) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        storm(process, clients, seconds)
        for client in clients:
            client.server_may_go = True
        process.send_signal(signal.SIGTERM)
        trouble = None
        try:
            code = process.wait(SECONDS_TO_ANSWER)
            if code != 0:
                trouble = f"it ended with {end_in_words(code)}"
        except subprocess.TimeoutExpired:
            trouble = "it hangs"
        for client in clients:
            client.join(SECONDS_TO_ANSWER + 2)
        trouble = next((c.trouble for c in clients if c.trouble), trouble)
        text = log.read_text(errors="replace")
        if trouble is None and ("scheduling shutdown" not in text or "Bye" not in text):
            trouble = "it did not shut down as told"
        return process.pid, trouble, text.count("Received SIGUSR1"), sum(c.answers for c in clients)
    finally:
        process.kill()
        process.wait()


def main():
    library, mode, server, seconds = sys.argv[1:]
    reslab = Reslab(library, mode)
    system = Path(reslab.folder, "system")
    system.mkdir()
    plain = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    _, trouble, signals, answers = serve(server, system, plain, SECONDS_ON_SYSTEM)
    print(f"system's malloc: {trouble or 'survived this time'}; {signals} signals, {answers} answers")

    pid, trouble, signals, answers = serve(server, reslab.folder, reslab.environment(), int(seconds))
    print(f"reslab: {trouble or 'survived'}; {signals} signals, {answers} answers")
    if trouble is not None:
        fail(f"under reslab: {trouble}")
    reslab.require_mode(pid, 100)
    if signals < LEAST_SIGNALS_PER_SECOND * int(seconds) or answers < 1000:
        fail(f"{signals} signals and {answers} answers in {seconds} seconds: no storm")


if __name__ == "__main__":
    main()
