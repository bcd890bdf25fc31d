# SPDX-License-Identifier: Apache-2.0
"""redis-server under redis-benchmark on loopback; its data are checked, saved by a forked child and read back.

The server is the process that the test starts. The benchmark's numbers are times and are left out;
the data are compared as the server's own digest of everything it holds. Large values that are
deleted are freed by a background thread of the server (lazyfree).
"""

import socket
import time

NEEDS = {"/usr/bin/redis-server": "redis-server", "/usr/bin/redis-benchmark": "redis-tools",
         "/usr/bin/redis-cli": "redis-tools", "/usr/bin/redis-check-rdb": "redis-tools"}
SECONDS = 90
TESTS = "ping,set,get,incr,lpush,rpush,lpop,rpop,sadd,hset,spop,zadd,zpopmin,lrange_300,mset"
SERVER = ("/usr/bin/redis-server", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
          "--enable-debug-command", "yes", "--lazyfree-lazy-user-del", "yes", "--daemonize", "no")


def _free_port():
    """One that nobody listens on now; should another take it before the server does, the server says so and ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


PORT = _free_port()  # of both runs, which must be asked the same


def work(run):
    run.write("commands", _commands(60_000 if run.full else 12_000))
    server = run.start(*SERVER, "--port", PORT)
    try:
        _wait_for(run, server)
        _cli(run, "--pipe", stdin="commands", keep=_last_line)
        run.step("/usr/bin/redis-benchmark", "-h", "127.0.0.1", "-p", PORT, "-q", "-c", "20", "-P", "4", "-d", "200",
                     "-n", "40000" if run.full else "6000", "-t", TESTS, keep=_test_names, serves=20_000)
        for question in (("dbsize",), ("debug", "digest"), ("get", "counter:__rand_int__"), ("llen", "mylist"),
                         ("hgetall", "hash:77"), ("zrange", "scores:5", "0", "-1", "withscores")):
            _cli(run, *question)
        _cli(run, "bgsave")
        _wait_for_save(run, server)
        run.step("/usr/bin/redis-check-rdb", "dump.rdb", keep=_checked)
        _cli(run, "debug", "reload")
        _cli(run, "debug", "digest")
        _cli(run, "flushall", "async")
        _cli(run, "shutdown", "nosave")
        run.finish(server, serves=20_000)
    finally:
        server.kill()


def _cli(run, *words, **options):
    return run.step("/usr/bin/redis-cli", "-h", "127.0.0.1", "-p", PORT, *words, **options)


def _commands(count):
    """Strings, hashes, lists and sorted sets of all sizes; a third of the strings are deleted again."""
    lines = []
    for i in range(count):
        lines.append(f"SET string:{i} {'v' * (i * 7 % 900)}{i}")
        lines.append(f"HSET hash:{i % 200} field{i} value{i}")
        lines.append(f"RPUSH list:{i % 50} {'e' * (i % 60)}{i}")
        lines.append(f"ZADD scores:{i % 30} {i * 7919 % 1000} member{i}")
        if i % 3 == 0:
            lines.append(f"DEL string:{i // 2}")
    return "\r\n".join(lines) + "\r\n"


def _wait_for(run, server):
    """Until the server answers; the run's own time limit ends a wait for one that never does."""
    while not _listens():
        if server.ended():
            run.finish(server)
        run.seconds_left()
        time.sleep(0.02)
    _cli(run, "ping")


def _listens():
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(PORT))) == 0


def _wait_for_save(run, server):
    """Until the forked child has written dump.rdb, which appears complete, by rename."""
    while not (run.work / "dump.rdb").exists():
        if server.ended():
            run.finish(server)
        run.seconds_left()
        time.sleep(0.02)


def _last_line(output):
    return output.strip().splitlines()[-1]


def _test_names(output):
    """Of `name: 12345.67 requests per second`, printed over and over with carriage returns, the names in order."""
    names = [line.rpartition(b"\r")[2].partition(b":")[0] for line in output.splitlines() if b"per second" in line]
    return b"\n".join(names)


def _checked(output):
    """The verdict and the numbers of keys, without the offsets and the time of the save."""
    wanted = (b"RDB looks OK", b"keys read", b"expires")
    return b"\n".join(line.rpartition(b"] ")[2] for line in output.splitlines() if any(w in line for w in wanted))
