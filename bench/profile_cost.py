#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the heap profile costs whole programs at its usual rate: their instructions with it and without, as callgrind counts
them. Time would not show one percent on a machine that does anything else.

Two runs of the same program differ in nothing but the amount of work, so the difference of their counts is the work's own:
starts, and what the unwinder reads when it is first asked, are left out. Valgrind has no restartable sequences, so reslab
runs in fallback mode; what the profile adds is the same code in both.
"""

import argparse
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import allocators
import machine
import measure
import tables
from allocators import Allocator

ROOT = Path(__file__).resolve().parent.parent
RATES = ("0", "512k")
LITTLE, MUCH = 500, 4_000  # rows, lines, objects

SQL = ("create table t(a, b); with recursive n(i) as (select 1 union all select i + 1 from n where i < {n}) "
       "insert into t select i, 'row ' || (i * 7919 % 10007) from n; create index i on t(b); "
       "select count(*), sum(length(upper(x.b) || replace(y.b, 'row', 'line'))) from t x join t y on x.b = y.b;")
PERL = "for (1 .. {n}) { my %h = map { ($_ => \"item $_\") } 1 .. 9; $all{$_ % 97} .= join ',', sort values %h } print length join '', %all"
PYTHON = "import json; d = [dict(a=i, b=str(i), c=[i] * 3) for i in range({n})]; print(len(json.dumps(json.loads(json.dumps(d)))))"
PROGRAMS = {  # the command, and what else is in its environment
    "sqlite3": (("sqlite3", ":memory:", SQL), {}),
    "perl": (("perl", "-e", PERL), {"PERL_HASH_SEED": "0", "PERL_PERTURB_KEYS": "0"}),
    # Without its own pools for small objects, all of them come from malloc.
    "python3-malloc": (("/usr/bin/python3", "-c", PYTHON), {"PYTHONMALLOC": "malloc", "PYTHONHASHSEED": "0"}),
}


def main() -> int:
    args = parse_arguments()
    library = (args.build / "src/libreslab.so.1").resolve()
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # counts, not times: they may run side by side
        rows = list(pool.map(lambda name: row(name, library), PROGRAMS))
    report = tables.table(["program", "without", "with", "more"], rows)
    print(report)
    if args.markdown:
        section = (f"Instructions, in millions, that programs take for their work, without the profile and with `profile=512k`: "
                   f"in fallback mode, as callgrind counts them, starts left out. To repeat: `./dev bench profile`.\n\n{report}\n\n"
                   f"Machine: {machine.machine()}.")
        args.markdown.write_text(tables.put_section(args.markdown.read_text(), "profile", section))
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=Path, default=ROOT / "build/gcc", help="default: %(default)s")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="renew the section there")
    return parser.parse_args()


def row(name: str, library: Path) -> list[str]:
    without, profiled = (of_work(name, library, rate) for rate in RATES)
    return [name, f"{without / 1e6:,.1f}", f"{profiled / 1e6:,.1f}", f"{100 * (profiled / without - 1):.1f} %"]


def of_work(name: str, library: Path, rate: str) -> int:
    little, much = (instructions(name, library, rate, amount) for amount in (LITTLE, MUCH))
    return much - little


def instructions(name: str, library: Path, rate: str, amount: int) -> int:
    command, environment = PROGRAMS[name]
    base = allocators.reslab(library, "fallback")
    options = environment | {"RESLAB_OPTIONS": f"{base.options['RESLAB_OPTIONS']}:profile={rate}"}
    return measure.instructions_of([word.replace("{n}", str(amount)) for word in command],
                                   Allocator(base.name, base.preload, base.reslab_mode, options))


if __name__ == "__main__":
    sys.exit(main())
