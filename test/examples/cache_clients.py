# SPDX-License-Identifier: Apache-2.0
"""The clients of Debian's libmemcached-tools get along with the example cache server: memccapable's checks of the
protocol, memcslap's load, and files copied there, read back, and deleted.

Usage: cache_clients.py SERVER MODE
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from cache_client import Server
from harness import fail


def run(tool, *arguments):
    """What it said."""
    done = subprocess.run([tool, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=60)
    if done.returncode != 0:
        fail(f"{tool} {' '.join(arguments)}: status {done.returncode}", done.stdout)
    return done.stdout


def main():
    program, mode = sys.argv[1:]
    with Server(program, mode, "--threads", "2") as server, tempfile.TemporaryDirectory() as folder:
        place = f"--servers=127.0.0.1:{server.place}"
        if "All tests passed" not in run("memccapable", "-a", "-h", "127.0.0.1", "-p", str(server.place)):
            fail("memccapable is not content")
        for test in ("set", "get", "mget"):
            run("memcslap", place, f"--test={test}", "--concurrency=3", "--execute-number=300")
        run("memcslap", place, "--test=set", "--non-blocking", "--buffer", "--noreply", "--execute-number=300")
        with server.client() as client:
            found = client.statistics()
        if int(found["cmd_set"]) < 1500 or int(found["get_hits"]) < 900:
            fail(f"memcslap made {found['cmd_set']} sets and {found['get_hits']} hits")
        file = Path(folder) / "greeting"
        file.write_text("hello")
        run("memccp", place, str(file))
        if "hello" not in run("memccat", place, "greeting"):
            fail("memccat does not say what memccp stored")
        run("memctouch", place, "--expire=100", "greeting")
        run("memcrm", place, "greeting")
        if "cmd_get" not in run("memcstat", place):
            fail("memcstat shows no statistics")
        run("memcflush", place)


if __name__ == "__main__":
    main()
