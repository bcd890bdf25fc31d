# SPDX-License-Identifier: Apache-2.0
"""The example logger under a storm of timers: every signal's record is in the file, whole and in its thread's order.

Usage: handler_logger.py LIBRARY MODE LOGGER SECONDS HERTZ
"""

import re
import sys

from harness import Reslab, fail, one_match, require_success, run

THREADS = 2
TAIL_STEP, TAIL_LIMIT = 31, 700  # how long a record is depends on its number: as in the program
LEAST_SIGNALS_PER_SECOND = 200


def require_record(line, next_number):
    """Looks at one record and counts it."""
    record = re.fullmatch(r"thread (\d) signal (\d+) overrun \d+: (x*)", line)
    if record is None:
        fail("a line is no record", line)
    thread, number = int(record[1]), int(record[2])
    if number != next_number[thread]:
        fail(f"thread {thread}: record {number} where {next_number[thread]} should be")
    if len(record[3]) != number * TAIL_STEP % TAIL_LIMIT:
        fail(f"thread {thread}: record {number} has a tail of {len(record[3])} bytes", line)
    next_number[thread] += 1


def main():
    library, mode, logger, seconds, hertz = sys.argv[1:]
    reslab = Reslab(library, mode)
    file = reslab.folder / "log"
    command = [logger, str(file), seconds, hertz]
    pid, code, output, errors = run(command, reslab.environment(), int(seconds) + 30)
    require_success(command, code, errors)
    reslab.require_mode(pid, 100)
    said = one_match(r"signals=(\d+) written=(\d+) lost=(\d+)", output, "counts")
    signals, written, lost = map(int, said.groups())
    if lost != 0 or written != signals:
        fail(f"of {signals} signals {written} were written, {lost} lost")
    if signals < LEAST_SIGNALS_PER_SECOND * int(seconds):
        fail(f"only {signals} signals in {seconds} seconds: no storm")
    next_number = [0] * THREADS
    for line in file.read_text().splitlines():
        require_record(line, next_number)
    if sum(next_number) != signals:
        fail(f"{signals} signals, but {sum(next_number)} records in the file")
    print(f"{signals} signals, every record in the file, in order: {next_number}")


if __name__ == "__main__":
    main()
