# SPDX-License-Identifier: Apache-2.0
"""tar with zstd -T2: a tree of many small files and some large ones is packed, listed and unpacked.

tar is the process that the test starts; zstd is also run by itself, so that its pid is known. It
allocates seldom, but in large blocks, and from several threads.
"""

import hashlib

NEEDS = {"/usr/bin/tar": "tar", "/usr/bin/zstd": "zstd"}
SECONDS = 90
PACK = ("--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mtime=@0", "--mode=u=rwX")


def work(run):
    _make_tree(run, files=12_000 if run.full else 3_000, large=4 if run.full else 2)
    run.step("/usr/bin/tar", *PACK, "--use-compress-program=/usr/bin/zstd -T2 -9", "-cf", "tree.tar.zst",
                 "tree", serves=1_200)
    run.step("/usr/bin/tar", "--use-compress-program=/usr/bin/zstd", "-tvf", "tree.tar.zst")
    run.write("out/mark", "unpacked here")
    run.step("/usr/bin/tar", "--use-compress-program=/usr/bin/zstd", "-xf", "tree.tar.zst", "-C", "out", serves=120)
    run.step("/usr/bin/zstd", "-q", "-d", "tree.tar.zst", "-o", "tree.tar")
    run.step("/usr/bin/zstd", "-q", "-T2", "-12", "tree.tar", "-o", "again.zst", serves=12)
    run.record_files("tree.tar.zst", "again.zst", "out")


def _make_tree(run, *, files, large):
    """Texts of a few sizes in two folders, whose names tar holds while it sorts them, and large files
    of four million bytes that compress by about half."""
    for number in range(files):
        run.write(f"tree/folder{number % 2}/file{number}",
                      "".join(f"{number} line {line}\n" for line in range(number % 90)))
    for number in range(large):
        blocks = (hashlib.sha256(f"{number} {i % 60_000}".encode()).digest() + b"\0" * 32 for i in range(62_500))
        run.write(f"tree/large{number}", b"".join(blocks))
