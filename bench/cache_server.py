#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The example cache server against memcached: the same clients, commands, number of threads and limit of memory.

Load comes from Debian's libmemcached-tools: memcslap, whose clients wait for each answer, and memcaslap, which mixes
gets and sets. The servers take turns, each time as a new process. Of a round the ratio counts: the example's figure to
memcached's.
"""

import argparse
import contextlib
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import ratios
import tables
from machine import machine

ROOT = Path(__file__).resolve().parent.parent
SUBJECT, PEER = "cache_server", "memcached"
METRICS = {"time": ("elapsed, s", tables.seconds), "cpu": ("server's CPU time, s", tables.seconds),
           "peak_rss": ("peak resident, MiB", tables.mebibytes), "mean_rss": ("mean resident, MiB", tables.mebibytes)}
SECONDS_BEFORE_GIVING_UP = 300
SECONDS_BETWEEN_LOOKS = 0.01
DOCUMENT_SECTION = "cache"


@dataclass(frozen=True)
class Case:
    """`run(port)` is the seconds that a load took; it makes at least so many sets and hits."""

    name: str
    run: Callable[[int], float]
    sets: int
    hits: int


def main() -> int:
    args = parse_arguments()
    results = {case.name: {SUBJECT: [], PEER: []} for case in cases(args.scale)}
    for turn in range(args.rounds):
        for case in cases(args.scale):
            for name in (SUBJECT, PEER) if turn % 2 == 0 else (PEER, SUBJECT):
                results[case.name][name].append(measure(args, name, case))
                print(f"round {turn + 1}: {case.name}, {name}: {results[case.name][name][-1]}", file=sys.stderr)
    text = section(args, results)
    print(text)
    if args.markdown:
        args.markdown.write_text(tables.put_section(args.markdown.read_text(), DOCUMENT_SECTION, text))
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("--build", type=Path, default=ROOT / "build/gcc", help="build directory (default: %(default)s)")
    add("--rounds", type=int, default=5, help="(default: %(default)s)")
    add("--threads", type=int, default=2, help="of each server (default: %(default)s)")
    add("--memory", type=int, default=64, metavar="MIB", help="limit of each server (default: %(default)s)")
    add("--scale", type=float, default=1, help="multiplies the work (default: %(default)s)")
    add("--note", default="", help="a sentence for the report, on how quiet the machine was")
    add("--markdown", type=Path, metavar="FILE", help="also put the report into FILE")
    args = parser.parse_args()
    args.program = args.build / "examples/cache_server"
    if not args.program.is_file():
        parser.error(f"there is no program {args.program}")
    return args


def cases(scale: float) -> list[Case]:
    def slap(test: str, clients: int, each: int) -> Case:
        count = max(int(each * scale), 10)
        sets = (1 if test != "set" else clients) * count
        return Case(f"{test}, {clients} {'client' if clients == 1 else 'clients'}",
                    lambda port: memcslap(port, test, clients, count), sets, 0 if test == "set" else clients * count)

    def mix(name: str, set_share: float, value_bytes: int, each: int) -> Case:
        count = max(int(each * scale), 1000)
        return Case(name, lambda port: memcaslap(port, set_share, value_bytes, count), int(0.8 * count * set_share), 0)

    return [slap("get", 1, 20_000), slap("get", 8, 5_000), slap("get", 32, 1_000), slap("mget", 8, 5_000),
            slap("set", 1, 10_000), slap("set", 8, 2_000), slap("set", 32, 500),
            mix("9 gets to a set, 512 bytes", 0.1, 512, 200_000), mix("9 sets to a get, 512 bytes", 0.9, 512, 200_000),
            mix("sets of 4 KiB past the limit", 0.9, 4096, 100_000)]


def memcslap(port: int, test: str, clients: int, each: int) -> float:
    said = run("memcslap", f"--servers=127.0.0.1:{port}", f"--test={test}", f"--concurrency={clients}",
               f"--execute-number={each}")
    return float(re.search(rf"^Time to {test}\s+\d+ keys by .*?([\d.]+) seconds", said, re.M)[1])


def memcaslap(port: int, set_share: float, value_bytes: int, count: int) -> float:
    with tempfile.NamedTemporaryFile("w", suffix=".cfg") as settings:
        settings.write(f"key\n32 64 1\nvalue\n{value_bytes} {value_bytes} 1\ncmd\n0 {set_share}\n1 {1 - set_share}\n")
        settings.flush()
        said = run("memcaslap", f"--servers=127.0.0.1:{port}", "--threads=1", "--concurrency=16",
                   f"--execute_number={count}", f"--cfg_cmd={settings.name}")
    # The rate leaves out what it takes to make the keys.
    done, rate = re.search(r"Ops: (\d+) TPS: (\d+)", said).groups()
    return int(done) / int(rate)


def run(*command: str) -> str:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=SECONDS_BEFORE_GIVING_UP)
    if done.returncode != 0:
        sys.exit(f"cache_server.py: {' '.join(command)}: status {done.returncode}\n{done.stdout}")
    return done.stdout


@contextlib.contextmanager
def server(args: argparse.Namespace, name: str) -> Iterator[tuple[subprocess.Popen, int]]:
    if name == SUBJECT:
        command = [str(args.program), "--port=0", f"--threads={args.threads}", f"--memory={args.memory}m"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        port = int(process.stdout.readline().split()[-1])
    else:
        port = free_port()
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        process = subprocess.Popen([PEER, "-l", "127.0.0.1", "-p", str(port), "-U", "0", "-t", str(args.threads),
                                    "-m", str(args.memory), *user])
    try:
        wait_for(port)
        yield process, port
    finally:
        process.terminate()
        process.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def wait_for(port: int) -> None:
    end = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except ConnectionRefusedError:
            if time.monotonic() > end:
                sys.exit("cache_server.py: a server does not start")
            time.sleep(0.01)


class Looks(threading.Thread):
    """At what a process has resident, until told to stop."""

    def __init__(self, process_id: int):
        super().__init__(daemon=True)
        self.folder, self.stop, self.seen = Path(f"/proc/{process_id}"), threading.Event(), []
        self.start()

    def run(self) -> None:
        page = os.sysconf("SC_PAGE_SIZE")
        while not self.stop.wait(SECONDS_BETWEEN_LOOKS):
            self.seen.append(int((self.folder / "statm").read_text().split()[1]) * page)

    def cpu_seconds(self) -> float:
        return sum(int(file.read_text().split()[0]) for file in self.folder.glob("task/*/schedstat")) / 1e9

    def peak_bytes(self) -> int:
        return int(re.search(r"VmHWM:\s+(\d+)", (self.folder / "status").read_text())[1]) << 10


def measure(args: argparse.Namespace, name: str, case: Case) -> dict[str, float]:
    with server(args, name) as (process, port):
        looks = Looks(process.pid)
        seconds = case.run(port)
        looks.stop.set()
        looks.join()
        sample = {"time": seconds, "cpu": looks.cpu_seconds(), "peak_rss": looks.peak_bytes(),
                  "mean_rss": sum(looks.seen) / max(len(looks.seen), 1)}
        require_work(port, name, case)
    return sample


def require_work(port: int, name: str, case: Case) -> None:
    """The load generators say nothing when a server refuses."""
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"stats\r\nquit\r\n")
        said = client.makefile().read()
    found = {word: int(re.search(rf"STAT {word} (\d+)", said)[1]) for word in ("cmd_set", "get_hits")}
    asked = re.search(r"\bmode=(rseq|fallback)\b", os.environ.get("RESLAB_OPTIONS", ""))
    if name == SUBJECT and asked and f"STAT reslab_mode {asked[1]}" not in said:
        sys.exit(f"cache_server.py: {case.name}: {name} did not run in mode {asked[1]}")
    if found["cmd_set"] < case.sets or found["get_hits"] < case.hits:
        sys.exit(f"cache_server.py: {case.name}: {name} counted {found}, {case.sets} and {case.hits} are expected")


def section(args: argparse.Namespace, results: ratios.Results) -> str:
    parts = [f"Medians of {args.rounds} rounds, both servers with {args.threads} threads and a limit of {args.memory} "
             "MiB. A ratio is that of the example to memcached in the same round (in parentheses the middle half of "
             f"the rounds): below 1 the example is ahead. Machine: {machine()}. {version()}. {args.note}".strip()]
    for metric, (title, write) in METRICS.items():
        rows = []
        for case, runs in results.items():
            ratio = ratios.to_best(runs, SUBJECT, [PEER], metric)
            rows.append([case, *(write(ratios.median(runs, name, metric)) for name in (SUBJECT, PEER)),
                         f"{tables.plain(ratio.median)} ({tables.plain(ratio.low)} to {tables.plain(ratio.high)})"])
        parts.append(tables.table([title, SUBJECT, PEER, "ratio"], rows))
    return "\n\n".join(parts) + "\n"


def version() -> str:
    return run(PEER, "--version").strip()


if __name__ == "__main__":
    sys.exit(main())
