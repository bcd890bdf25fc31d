# SPDX-License-Identifier: Apache-2.0
"""Two runs of one program's work beside each other: all that they recorded has to be equal."""

import difflib
import itertools

DIFF_LINES = 40


def differences(plain, preloaded):
    """What the run with the library recorded otherwise than the run without, as texts."""
    found = []
    for expected, actual in itertools.zip_longest(plain, preloaded):
        if expected is None or actual is None:
            found.append(f"only one of the runs came to: {(expected or actual).label}")
            break
        if expected.label != actual.label:
            found.append(f"the runs parted: without reslab {expected.label}, with it {actual.label}")
            break
        if expected.text != actual.text:
            found.append(f"{expected.label}: the output differs\n{_excerpt(expected.text, actual.text)}")
    return found


def _excerpt(expected, actual):
    lines = difflib.unified_diff(expected.splitlines(), actual.splitlines(),
                                 "without reslab", "with reslab", n=1, lineterm="")
    shown = list(itertools.islice(lines, DIFF_LINES + 1))
    if len(shown) > DIFF_LINES:
        shown[DIFF_LINES] = "... (more)"
    return "\n".join("  " + line[:200] for line in shown) or "  (they differ in their line ends only)"
