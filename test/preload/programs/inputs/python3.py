# SPDX-License-Identifier: Apache-2.0
"""Work of many kinds for the interpreter; prints digests that depend on nothing but the rounds asked for."""

import asyncio
import collections
import concurrent.futures
import decimal
import gc
import hashlib
import json
import multiprocessing
import re
import subprocess
import sys
import threading
import zlib

ROUNDS = int(sys.argv[1])


def digest(value):
    return hashlib.sha256(repr(value).encode()).hexdigest()[:16]


def documents(count):
    return [{"id": i, "name": f"item {i}", "tags": [f"t{i % k}" for k in range(1, 9)],
             "nested": {"price": i * 1.25, "text": "x" * (i % 700)}} for i in range(count)]


def containers():
    """Dicts that grow past many resizes, sets, deques, and a cyclic graph for the collector."""
    table = {f"key-{i}": [i] * (i % 40) for i in range(30_000)}
    for i in range(0, 30_000, 3):
        del table[f"key-{i}"]
    queue = collections.deque(maxlen=5_000)
    for i in range(40_000):
        queue.append({"i": i, "of": queue})
    queue.clear()
    gc.collect()
    return digest(sorted((k, len(v)) for k, v in table.items()))


def texts():
    """JSON there and back, regular expressions, strings that grow, compression."""
    text = json.dumps(documents(2_000), indent=1)
    words = collections.Counter(re.findall(r"[a-z]+\d*", text))
    swapped = re.sub(r'"(\w+)": (\d+)', lambda m: f"{m[2]} => {m[1]}", text)
    grown = ""
    for line in swapped.splitlines()[:20_000]:
        grown += line
    packed = zlib.compress(grown.encode(), 6)
    assert zlib.decompress(packed).decode() == grown and json.loads(text) == documents(2_000)
    return digest((sorted(words.items()), len(grown), packed))


def numbers():
    """Decimals of a thousand digits and integers of ten thousand."""
    decimal.getcontext().prec = 1_000
    root = sum((decimal.Decimal(i).sqrt() for i in range(1, 60)), decimal.Decimal(0))
    product = 1
    for i in range(1, 3_000):
        product *= i
    return digest((str(root), hex(product)))


def in_threads():
    """Threads that hand objects to each other, so that they are freed by others than their makers."""
    results, lock = collections.Counter(), threading.Lock()

    def part(seed):
        made = [bytes([seed % 256]) * (seed * 37 % 9_000 + i % 600) for i in range(4_000)]
        with lock:
            results[seed] = zlib.crc32(b"".join(made))
        return made

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        total = sum(len(block) for made in pool.map(part, range(24)) for block in made)
    return digest((total, sorted(results.items())))


def square(number):
    return digest([number * i for i in range(2_000)])


def in_children():
    """Children by exec from several threads at once, and forked workers."""
    def child(number):
        script = f"import json; print(sum(json.loads(json.dumps(list(range({number}000))))))"
        return subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        sums = list(pool.map(child, range(1, 9)))
    with multiprocessing.get_context("fork").Pool(3) as workers:
        squares = workers.map(square, range(60))
        workers.close()
        workers.join()  # or they are killed, and tell nobody what they did
    return digest((sums, squares))


def in_tasks():
    """Coroutines in a few thousand."""
    async def task(number):
        await asyncio.sleep(0)
        return [number] * (number % 300)

    async def main():
        return await asyncio.gather(*(task(i) for i in range(3_000)))

    return digest([len(made) for made in asyncio.run(main())])


for part in (containers, texts, numbers, in_threads, in_tasks, in_children):
    for _ in range(ROUNDS if part is not in_children else 1):
        print(part.__name__, part())
