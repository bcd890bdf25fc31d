# SPDX-License-Identifier: Apache-2.0
"""What every test script of this folder does around its test: arguments, a folder, verdict, cleaning up."""

import argparse
import pathlib
import shutil
import signal
import sys
import tempfile

from . import processes
from .environment import Library
from .work import Failure


def add_arguments(parser):
    """The arguments that all the scripts have."""
    parser.add_argument("--library", type=_existing_file, required=True, help="the libreslab.so under test")
    parser.add_argument("--mode", choices=("rseq", "fallback"), required=True)
    parser.add_argument("--local-lock", choices=("try", "always", "never"), default="try")
    parser.add_argument("--slots", choices=("auto", "cpu_id"), default="auto")
    parser.add_argument("--pages", choices=("4k", "16k", "64k"), default="4k")
    parser.add_argument("--companion", type=_existing_file,
                        help="the built exit_statistics.c, for programs that need it")
    parser.add_argument("--keep", action="store_true", help="leave the folder of the test, and say where it is")


def library(arguments, *, with_companion=False):
    """The library that the arguments name, alone or with the companion."""
    if with_companion and arguments.companion is None:
        sys.exit("this test needs --companion")
    return Library(arguments.library, arguments.mode, arguments.companion if with_companion else None,
                   arguments.local_lock, arguments.slots, arguments.pages)


def verdict(title, test, *, keep):
    """Runs `test(folder)` in a fresh folder and prints what it returns; the script's exit status.

    Whatever happens, SIGTERM included, no process and no file of the test is left behind.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    processes.adopt_strays()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="reslab-preload-"))
    try:
        print(f"{title}: {test(folder)}")
        return 0
    except Failure as failure:
        print(f"FAILED: {title}\n{failure}", file=sys.stderr)
        return 1
    finally:
        processes.end_strays()
        if keep:
            print(f"kept: {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _existing_file(text):
    path = pathlib.Path(text)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"no such file: {path}")
    return path.resolve()
