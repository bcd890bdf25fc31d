# SPDX-License-Identifier: Apache-2.0
"""What the core must not use, and that every atomic operation names its memory order.

For lessons 9 and 20 of docs/lessons.md.
"""

import re

from checks import tree

# {what it is: (pattern, files where it may stand)}. The core is every layer but malloc/.
FORBIDDEN = {
    "a thread-local object":
        (r"\bthread_local\b|\b__thread\b", {"base/thread_line.h", "base/thread_line.cc"}),
    "a lock that waits":
        (r"\bpthread_\w+|SYS_futex|\bstd::(?:mutex|lock_guard|unique_lock|call_once|condition_variable)|"
         r"<(?:mutex|condition_variable|shared_mutex|semaphore|thread)>", set()),
    "stdio": (r"\b[vfsd]?n?printf\b|\bf(?:open|write|puts|flush)\b|\bputs\b|<(?:cstdio|stdio\.h)>", {"malloc/info.cc"}),
    "a stream or container": (r"<(?:i|o|s|f)?(?:stream|iosfwd)>|<(?:string|vector|map|set|deque|list|functional|memory|"
                              r"unordered_\w+|iostream)>", set()),
    "the dynamic loader": (r"\bdl(?:sym|open|close|_iterate_phdr)\b", {"malloc/cxx_runtime.cc", "malloc/lifetime.cc"}),
    "an exit handler": (r"\b(?:atexit|on_exit|__cxa_atexit|pthread_atfork|__register_atfork)\b", {"platform/fork_child.cc"}),
    "a virtual function": (r"\bvirtual\b|\boverride\b", set()),
    "an exception": (r"\b(?:throw|try|catch)\b(?!_)", {"malloc/operator_new.cc", "malloc/cxx_runtime.cc"}),
    "a static local without constant initialisation":
        (r"^ {2,}static (?!constexpr|constinit|inline|const char)[\w:<>*& ]+\b\w+(?: =|;|\{)", set()),
}
# What a library with threads of its own may do besides.
APART_MAY = {"a lock that waits"}
# In headers a static member is declared with the same words as a static local.
STATIC_LOCAL = "a static local without constant initialisation"

_ATOMIC = re.compile(r"(?:\.|->)(load|store|exchange|fetch_\w+|compare_exchange_\w+)\(")


def _argument_text(code, start):
    depth = 1
    for end in range(start, len(code)):
        depth += {"(": 1, ")": -1}.get(code[end], 0)
        if depth == 0:
            return code[start:end]
    return code[start:]


def _forbidden(file):
    for what, (pattern, allowed) in FORBIDDEN.items():
        if file.name in allowed or (file.layer == tree.APART and what in APART_MAY) or (what == STATIC_LOCAL and not file.name.endswith(".cc")):
            continue
        for match in re.finditer(pattern, file.code, re.M):
            yield f"src/{file.name}:{file.line_of(match.start())}: {what}: {match.group().strip()}"


def _orders(file):
    for match in _ATOMIC.finditer(file.code):
        if not re.search(r"memory_order|\brelaxed\b", _argument_text(file.code, match.end())):
            yield f"src/{file.name}:{file.line_of(match.start())}: {match.group(1)} names no memory order"


def check(root):
    problems = []
    for file in tree.files(root):
        problems += [*_forbidden(file), *_orders(file)]
    return problems
