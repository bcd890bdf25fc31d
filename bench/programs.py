# SPDX-License-Identifier: Apache-2.0
"""Programs of Debian's that allocate a lot, each with its input: made once, the same for every allocator.

A program is run by programs/launch, which measures it and looks whether the allocator is really mapped. redis answers
to a load generator instead: what counts is how long the generator takes, and what the server needed.
"""

import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import allocators
from allocators import Allocator
from measure import SECONDS_BEFORE_GIVING_UP, Failed, Sample, launched

SCRIPTS = Path(__file__).resolve().parent / "programs"


@dataclass(frozen=True)
class Launched:
    """A program that ends by itself."""

    name: str
    launcher: Path
    command: tuple[str, ...]
    options: tuple[tuple[str, str], ...] = ()  # environment variables

    def run(self, allocator: Allocator) -> Sample:
        return launched(self.launcher, self.command, allocator, dict(self.options))


@dataclass(frozen=True)
class Redis:
    """A server without a disk under pipelined load from a generator that runs on its own malloc."""

    name: str
    launcher: Path
    requests: int

    def run(self, allocator: Allocator) -> Sample:
        socket = self.launcher.parent / "redis.socket"
        socket.unlink(missing_ok=True)
        server = subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", str(socket), "--save", "",
                                   "--appendonly", "no", "--activedefrag", "no"],
                                  env=allocator.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for(socket, server)
            proc = Path(f"/proc/{server.pid}")
            if not allocators.is_mapped(allocator, (proc / "maps").read_text()):
                raise Failed(f"{allocator.preload} is not among its mappings")
            begin, cpu_begin = time.monotonic(), cpu_seconds(proc)
            resident = self.load(socket, proc)
            return {"time": time.monotonic() - begin, "cpu": cpu_seconds(proc) - cpu_begin,
                    "peak_rss": kilobytes(proc, "VmHWM") * 1024, "mean_rss": sum(resident) / len(resident),
                    "faults": int(stat_fields(proc)[7])}
        finally:
            server.kill()
            server.wait()

    def load(self, socket: Path, proc: Path) -> list[int]:
        """How much was resident, after each kind of request."""
        resident = []
        for kind in ("set", "get", "lpush", "sadd", "hset", "zadd", "lrange_100", "mset"):
            count = self.requests // (10 if kind in ("lrange_100", "mset") else 1)
            command = ["redis-benchmark", "-s", str(socket), "-t", kind, "-P", "32", "-c", "10", "-n", str(count),
                       "-r", "100000", "-d", "100", "-q"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_BEFORE_GIVING_UP)
            if done.returncode != 0:
                raise Failed(f"redis-benchmark -t {kind}: {done.stderr.strip()[-200:]}")
            resident.append(kilobytes(proc, "VmRSS") * 1024)
        return resident


def wait_for(socket: Path, server: subprocess.Popen) -> None:
    for _ in range(500):
        if socket.exists():
            return
        if server.poll() is not None:
            raise Failed(f"redis-server ended with status {server.returncode}")
        time.sleep(0.01)
    raise Failed("redis-server does not listen")


def kilobytes(proc: Path, name: str) -> int:
    line = next(line for line in (proc / "status").read_text().splitlines() if line.startswith(name + ":"))
    return int(line.split()[1])


def stat_fields(proc: Path) -> list[str]:
    """From the third on: the second is a name in parentheses and may hold anything."""
    return (proc / "stat").read_text().rpartition(")")[2].split()


def cpu_seconds(proc: Path) -> float:
    return sum(map(int, stat_fields(proc)[11:13])) / 100  # in the units that the kernel shows programs


def sql(file: Path) -> None:
    """Tables, indices, joins, text functions; all in memory."""
    lines = ["PRAGMA cache_size=-200000;", "CREATE TABLE t(id INTEGER PRIMARY KEY, a INT, b TEXT, c REAL);", "BEGIN;",
             "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<200000) INSERT INTO t "
             "SELECT i, (i*7919)%100003, 'row '||(i*31%9973)||' of many', i*0.5 FROM n;", "COMMIT;",
             "CREATE INDEX ta ON t(a); CREATE INDEX tb ON t(b);",
             "SELECT count(*), sum(length(upper(b)||replace(b,'row','line'))) FROM t;",
             "SELECT a%100, group_concat(b) FROM t GROUP BY a%100;",
             "SELECT count(*) FROM t x JOIN t y ON x.a=y.id WHERE x.id<80000;",
             "SELECT b, count(*) FROM t GROUP BY b ORDER BY 2 DESC LIMIT 5;",
             "UPDATE t SET b=b||' changed' WHERE id%3=0;", "DELETE FROM t WHERE id%2=0;"]
    file.write_text("\n".join(lines) + "\n")


CXX_TYPE = """\
struct T0 { int a; std::string b; bool operator<(const T0& o) const { return a < o.a; } };
int f0(int n) {
  std::map<int, std::vector<T0>> m;
  std::set<T0> s;
  std::variant<int, T0> v;
  for (int k = 0; k < n; ++k) { m[k % 7].push_back({k, "x"}); s.insert({k, "y"}); v = T0{k, {}}; }
  std::vector<T0> w;
  for (auto& p : m) w.insert(w.end(), p.second.begin(), p.second.end());
  std::sort(w.begin(), w.end());
  return static_cast<int>(w.size() + s.size() + v.index());
}
"""


def cxx(file: Path) -> None:
    """Templates of the standard library for a few types of one's own."""
    headers = ["algorithm", "functional", "map", "memory", "numeric", "optional", "regex", "set", "string", "tuple",
               "unordered_map", "variant", "vector", "iostream"]
    lines = [f"#include <{header}>" for header in headers]
    for i in range(8):
        lines.append(CXX_TYPE.replace("T0", f"T{i}").replace("f0", f"f{i}"))
    file.write_text("\n".join(lines) + "\n")


def smt(file: Path) -> None:
    """Bit vectors, multiplied: the solver turns them into clauses."""
    lines = ["(set-logic QF_BV)"]
    lines += [f"(declare-const {name} (_ BitVec 20))" for name in "pqrs"]
    lines += ["(assert (= ((_ zero_extend 20) #xd3b2b) (bvmul ((_ zero_extend 20) p) ((_ zero_extend 20) q))))",
              "(assert (bvugt p #x00001))", "(assert (bvugt q #x00001))",
              "(assert (= (bvmul r s) (bvadd p #x12345)))", "(assert (bvult r s))", "(assert (bvugt r #x00010))",
              "(check-sat)"]
    file.write_text("\n".join(lines) + "\n")


def postscript(file: Path) -> None:
    """Pages of text, paths and shadings from a fixed seed."""
    draw = random.Random(1)
    letters = "abcdefghijklmnopqrstuvwxyz"
    lines = ["%!PS"]
    for page in range(12):
        lines.append("/Times-Roman findfont 9 scalefont setfont")
        for row in range(70):
            words = " ".join("".join(draw.choices(letters, k=draw.randint(2, 9))) for _ in range(14))
            lines.append(f"40 {760 - 10 * row} moveto ({words}) show")
        for _ in range(1500):
            points = " ".join(f"{draw.uniform(0, 600):.1f}" for _ in range(6))
            lines.append(f"newpath {draw.uniform(0, 600):.1f} {draw.uniform(0, 800):.1f} moveto {points} curveto "
                         f"{draw.random():.2f} setgray stroke")
        lines.append("/d 500 dict def 0 1 3000 { dup 10 string cvs cvn exch 20 array exch pop d 3 1 roll put "
                     "d length 490 gt { /d 500 dict def } if } for showpage")
    file.write_text("\n".join(lines) + "\n")


def text_to_pack(file: Path) -> None:
    draw = random.Random(1)
    words = ["".join(draw.choices("etaoinshrdlu", k=draw.randint(2, 10))) for _ in range(20_000)]
    with file.open("w") as out:
        for _ in range(40):
            out.write(" ".join(draw.choices(words, k=100_000)))


@dataclass(frozen=True)
class Kind:
    """How a program is run, and its input, where that is generated."""

    command: tuple[str, ...]  # {input}: the generated file, or the script of that name beside this file
    make_input: Callable[[Path], None] | None = None
    script: str = ""
    options: tuple[tuple[str, str], ...] = ()


KINDS = {
    "sqlite3": Kind(("sqlite3", ":memory:", ".read {input}"), sql),
    "g++": Kind(("g++", "-std=c++20", "-O1", "-S", "-x", "c++", "{input}", "-o", "/dev/null"), cxx),
    "python3": Kind(("/usr/bin/python3", "{input}"), script="python3.py"),
    # Without its own pools for small objects, all of them come from malloc.
    "python3-malloc": Kind(("/usr/bin/python3", "{input}"), script="python3.py", options=(("PYTHONMALLOC", "malloc"),)),
    "z3": Kind(("z3", "{input}"), smt),
    "ghostscript": Kind(("gs", "-q", "-dBATCH", "-dNOPAUSE", "-dSAFER", "-sDEVICE=ppmraw", "-r100", "-o", "/dev/null",
                         "{input}"), postscript),
    "node": Kind(("node", "{input}"), script="node.js"),
    "xz": Kind(("xz", "-T2", "-1", "-c", "{input}"), text_to_pack),
}


def program_cases(launcher: Path, folder: Path) -> list:
    """Those that are installed; their inputs are made in `folder` unless they are there and newer than this file."""
    folder.mkdir(parents=True, exist_ok=True)
    cases: list = []
    for name, kind in KINDS.items():
        if shutil.which(kind.command[0]) is None:
            print(f"not installed: {kind.command[0]}", file=sys.stderr)
            continue
        cases.append(Launched(name, launcher, command_of(name, kind, folder), kind.options))
    if shutil.which("redis-server") and shutil.which("redis-benchmark"):
        cases.append(Redis("redis", launcher, 400_000))
    else:
        print("not installed: redis-server, redis-benchmark", file=sys.stderr)
    return cases


def command_of(name: str, kind: Kind, folder: Path) -> tuple[str, ...]:
    source = SCRIPTS / kind.script if kind.script else folder / f"{name}.input"
    if kind.make_input and is_older(source, Path(__file__)):
        kind.make_input(source)
    return tuple(word.replace("{input}", str(source)) for word in kind.command)


def is_older(made: Path, maker: Path) -> bool:
    return not made.exists() or made.stat().st_mtime < maker.stat().st_mtime
