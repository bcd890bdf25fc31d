# SPDX-License-Identifier: Apache-2.0
"""git: a repository made on the spot is cloned through a pipe, logged, changed, repacked and checked.

git does its work in processes of its own. Their pids come from git's event trace (GIT_TRACE2_EVENT):
one file a process, whose first events name the command line and whose name ends in the pid.
"""

import json

from harness.work import Failure

NEEDS = {"/usr/bin/git": "git"}
SECONDS = 120
CONFIG = """\
[user]
    name = Tester
    email = tester@example.org
[gc]
    auto = 0
    autoDetach = false
[maintenance]
    auto = false
[pack]
    threads = 2
[init]
    defaultBranch = main
"""


def work(run):
    commits = 1_500 if run.full else 300
    run.write(".gitconfig", CONFIG)
    run.write("history", _history(commits))
    trace = run.work / "trace"
    trace.mkdir()

    def git(*words, **options):
        return run.step("/usr/bin/git", *words, extra={
            "GIT_TRACE2_EVENT": str(trace), "GIT_COMMITTER_DATE": "1700000000 +0000",
            "GIT_AUTHOR_DATE": "1700000000 +0000"}, **options)

    git("init", "--quiet", "--bare", "origin.git")
    git("-C", "origin.git", "fast-import", "--quiet", stdin="history", serves=250)
    git("clone", "--quiet", "--no-local", "origin.git", "copy", serves=150)
    git("-C", "copy", "log", "--stat", "-p", "--date-order", serves=1_000)
    git("-C", "copy", "log", "--graph", "--format=%H %an %s", "--all")
    git("-C", "copy", "blame", "file0")
    run.write("copy/file1", "changed\n" * 400)
    git("-C", "copy", "commit", "--quiet", "--all", "--message=a change")
    git("-C", "copy", "gc", "--quiet", "--aggressive", "--prune=now", serves=150)
    git("-C", "copy", "fsck", "--full", "--strict", "--no-progress")
    git("-C", "copy", "rev-list", "--all", "--objects")
    run.record_files("copy/file0", "copy/file1")
    for command, at_least in (("pack-objects", 1_000), ("index-pack", 150)):
        for pid in _pids(trace, command):
            run.claim(pid, f"git {command}", at_least)


def _pids(trace, command):
    """The pids of the git processes that ran this command, at least one."""
    found = []
    for path in sorted(trace.iterdir()):
        events = map(json.loads, path.read_text().splitlines())
        words = next(event["argv"] for event in events if event["event"] == "start")
        if command in words:
            found.append(int(path.name.rpartition("-P")[2], 16))
    if not found:
        raise Failure(f"no git {command} was started")
    return found


def _history(commits):
    """A history for fast-import: ten files of 400 lines, of which each commit changes one or two places."""
    files = [[f"line {line} of file {number}" for line in range(400)] for number in range(10)]
    out = []
    for commit in range(commits):
        lines = files[commit % 10]
        lines[commit * 37 % 400] = f"changed by commit {commit}"
        lines.insert(commit * 53 % 400, f"new in commit {commit}")
        message, content = f"commit {commit}", "\n".join(lines) + "\n"
        out.append(f"commit refs/heads/main\ncommitter Tester <tester@example.org> {1600000000 + commit} +0000\n"
                   f"data {len(message)}\n{message}\nM 100644 inline file{commit % 10}\n"
                   f"data {len(content)}\n{content}\n")
    return "".join(out)
