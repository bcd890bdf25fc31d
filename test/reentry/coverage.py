#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Judges what the walks have interrupted, against the disassembly of the library that they walked.

What counts: every instruction that can be reached from the entry points of allocation and freeing by falling through,
direct jumps and direct calls. Not into functions of EXCLUDED, each with its reason, and not where only a report that
aborts can follow.

  sections    all of their instructions, stopped at by a breakpoint and then restarted: 100 %
  the rest    interrupted by a handler in front of it: at least LEAST_SHARE, not counting what can not be reached and is
              argued in exceptions.txt, at most 20 lines "FUNCTION: NUMBER: reason", for up to so many instructions of a
              function. An exception whose instructions are all reached is an error, in the code of the compiler that
              the exceptions are written for, gcc; others need not have those instructions. Both shares are printed.

Where one mode alone was walked it is LEAST_SHARE_OF_MODE; there are no sections to stop in without rseq.

An instruction in front of which nothing changes is the same place as its follower: padding, which is only there to
align a loop, counts as interrupted where the instruction behind it is.
"""
import argparse
import os
import re
import sys

from disassembly import Disassembly

MOST_EXCEPTIONS = 20
LEAST_SHARE = 0.99
LEAST_SHARE_OF_MODE = {"rseq": 0.96, "fallback": 0.92}

ENTRIES = """malloc calloc realloc reallocarray free cfree aligned_alloc posix_memalign memalign valloc pvalloc
malloc_usable_size free_sized free_aligned_sized
_Znwm _Znam _ZnwmRKSt9nothrow_t _ZnamRKSt9nothrow_t _ZnwmSt11align_val_t _ZnamSt11align_val_t
_ZnwmSt11align_val_tRKSt9nothrow_t _ZnamSt11align_val_tRKSt9nothrow_t _ZdlPv _ZdaPv _ZdlPvRKSt9nothrow_t
_ZdaPvRKSt9nothrow_t _ZdlPvm _ZdaPvm _ZdlPvSt11align_val_t _ZdaPvSt11align_val_t _ZdlPvmSt11align_val_t
_ZdaPvmSt11align_val_t _ZdlPvSt11align_val_tRKSt9nothrow_t _ZdaPvSt11align_val_tRKSt9nothrow_t
reslab_malloc reslab_calloc reslab_realloc reslab_reallocarray reslab_aligned_alloc reslab_posix_memalign
reslab_free reslab_free_sized reslab_free_aligned_sized reslab_usable_size reslab_good_size
reslab_malloc_nolock reslab_aligned_alloc_nolock reslab_free_nolock reslab_free_sized_nolock
reslab_pages_alloc_nolock reslab_pages_free_nolock reslab_reserve_alloc
reslab_cache_alloc reslab_cache_alloc_nolock reslab_cache_alloc_bulk
reslab_cache_free reslab_cache_free_nolock reslab_cache_free_bulk
reslab_group_malloc reslab_group_malloc_nolock""".split()

# Patterns of mangled names -> why they are no part of an allocation or a free.
EXCLUDED = {
    r"die|report_|describe_|begin_report|3sayE|raise_abort": "reports: the process aborts",
    r"_116report|16reportE|check_nolock_scope|report_order": "printed with the option check_context only",
    r"print_history|print_event|print_stack|ms_of": "reports of the debug modes: the process aborts",
    r"read_debug_settings|DebugClock5start": "the debug modes' settings and clock, made with the root",
    r"parse_options|print_help|format_option|complain|parse_one": "the text of RESLAB_OPTIONS, read before main",
    r"recover_after_fork|recover_block": "repair of a child after fork: walked by the fork harness",
    r"throw_bad_alloc|find_new_handler|find_in_plugins|find_in": "the program's C++ runtime: new-handlers and exceptions",
}
NO_RETURN = r"die|report_(invalid|double_free|free_at_flush|twice|wrong_size|other_class|overwritten|debug|slot|changed)|throw_bad_alloc"


class Reached:
    """What can be reached from the entries, and from where nothing but a report can follow."""

    def __init__(self, code):
        self.code = code
        self.excluded_seen = {}
        self.addresses = self._walk()
        self.doomed = self._find_doomed()

    def _name_matches(self, address, pattern):
        return any(re.search(pattern, name) for name in self.code.names.get(address, []))

    def is_no_return(self, one):
        return one.target is not None and self._name_matches(one.target, NO_RETURN)

    def excluded(self, address):
        for pattern, reason in EXCLUDED.items():
            if self._name_matches(address, pattern):
                self.excluded_seen[self.code.names[address][0]] = reason
                return True
        return False

    def successors(self, one):
        """Where control may be next within the same call."""
        found = []
        if one.is_jump and one.target is not None and not self.excluded(one.target):
            found.append(one.target)
        if one.goes_on and not self.is_no_return(one) and one.following is not None:
            found.append(one.following)
        return found

    def _walk(self):
        code = self.code
        todo = [code.functions[name] for name in ENTRIES]
        seen = set()
        while todo:
            address = todo.pop()
            if address in seen or address not in code.instructions:
                continue
            seen.add(address)
            one = code.instructions[address]
            todo += self.successors(one)
            if one.is_call and one.target is not None and not self.excluded(one.target):
                todo.append(one.target)
            for section in code.sections:
                if section.start == address:
                    todo.append(section.abort)
        return seen

    def _is_report(self, one):
        """Ends here: a call or a jump to what never returns, or a trap."""
        leaves = one.is_jump and not one.goes_on and one.target is not None
        into_report = leaves and self._name_matches(one.target, NO_RETURN)
        return self.is_no_return(one) or into_report or one.mnemonic.startswith("ud")

    def _find_doomed(self):
        """Instructions from which nothing but a report can follow: from which no way leads out of their function."""
        before, alive = {}, set()
        for address in self.addresses:
            one = self.code.instructions[address]
            targets = [] if self._is_report(one) else self.successors(one)
            for target in targets:
                before.setdefault(target, []).append(address)
            if not targets and not self._is_report(one):
                alive.add(address)  # returns, or goes where nothing is counted
        todo = list(alive)
        while todo:
            for address in before.get(todo.pop(), []):
                if address not in alive:
                    alive.add(address)
                    todo.append(address)
        return self.addresses - alive


def read_interrupted(files):
    before, section = set(), set()
    for name in files:
        with open(name, encoding="ascii") as file:
            for line in file:
                kind, address = line.split()
                (section if kind == "section" else before).add(int(address, 16))
    return before, section


def with_padding(code, before):
    """`before`, and the padding in front of those instructions. Of two in a row the second goes first."""
    found = set(before)
    for address in sorted(code.instructions, reverse=True):
        one = code.instructions[address]
        if one.is_padding and one.following in found:
            found.add(address)
    return found


class Exceptions:
    """Lines of exceptions.txt: up to `most` instructions of functions whose mangled name matches."""

    def __init__(self, path):
        self.entries = []
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if not line.strip() or line.startswith("#"):
                    continue
                fields = [field.strip() for field in line.split(": ", 2)]
                if len(fields) != 3 or not fields[2]:
                    raise SystemExit(f"{path}:{number}: not 'FUNCTION: NUMBER: reason'")
                self.entries.append({"function": fields[0], "most": int(fields[1]), "line": number, "used": 0})

    def not_needed(self, code, addresses):
        """Entries all of whose instructions are reached; not those for functions that this build has not as such."""
        if not code.is_by_gcc:
            return []
        functions = {code.instructions[a].function for a in addresses}
        return [entry for entry in self.entries
                if entry["used"] == 0 and any(re.search(entry["function"], name) for name in functions)]

    def accounts_for(self, one):
        for entry in self.entries:
            if entry["used"] < entry["most"] and re.search(entry["function"], one.function):
                entry["used"] += 1
                return True
        return False


def print_missing(code, missing):
    for address in sorted(missing):
        one = code.instructions[address]
        print(f"  never interrupted: {one.function}: {one.text}")


def judge(code, reached, before, in_section, exceptions, floor, mode):
    """Prints the figures and what is missing; how many errors."""
    errors = 0
    counted = {a for a in reached.addresses - reached.doomed if not code.instructions[a].mnemonic.startswith("ud")}
    of_sections = {a for a in code.instructions for s in code.sections if s.start <= a < s.end}
    unreached_sections = [s for s in code.sections if s.start not in reached.addresses]
    not_ours = {a for s in unreached_sections for a in of_sections if s.start <= a < s.end}
    missing_sections = of_sections - in_section - not_ours
    total_sections = len(of_sections)
    print(f"sections: {len(code.sections)}, {total_sections - len(missing_sections)} of {total_sections} instructions "
          "stopped at and restarted")
    for section in unreached_sections:
        print(f"  no entry point reaches the section at 0x{section.start:x}")
        errors += 1
    if mode != "fallback":
        print_missing(code, missing_sections)
        errors += len(missing_sections)

    rest = counted - of_sections
    missing = rest - before
    share = (len(rest) - len(missing)) / len(rest)
    print(f"the rest: {len(rest) - len(missing)} of {len(rest)} instructions interrupted, {share:.2%}; "
          f"{len(reached.doomed)} more lead to a report only")
    unargued = {a for a in sorted(missing) if not exceptions.accounts_for(code.instructions[a])}
    if mode is None:
        print_missing(code, unargued)
    print(f"{len(missing) - len(unargued)} that are missing are argued as exceptions, {len(unargued)} are not")
    within_reach = len(rest) - len(missing) + len(unargued)
    share = (within_reach - len(unargued)) / within_reach
    print(f"of what can be reached: {share:.2%}")
    if share < floor:
        print(f"error: less than {floor:.0%}")
        errors += 1
    if len(exceptions.entries) > MOST_EXCEPTIONS:
        print(f"error: {len(exceptions.entries)} exceptions, more than {MOST_EXCEPTIONS}")
        errors += 1
    for entry in exceptions.not_needed(code, rest):
        print(f"error: the exception in line {entry['line']} is not needed: all is reached")
        errors += 1
    return errors


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library", help="the libreslab.so that was walked")
    parser.add_argument("interrupted", nargs="+", help="files that the walks have appended to")
    parser.add_argument("--exceptions", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "exceptions.txt"))
    parser.add_argument("--floor", type=float, help="percent of the rest that must be reached (99)")
    parser.add_argument("--mode", choices=sorted(LEAST_SHARE_OF_MODE), help="the only one that was walked (96 or 92)")
    arguments = parser.parse_args()
    floor = LEAST_SHARE_OF_MODE[arguments.mode] if arguments.mode else LEAST_SHARE
    if arguments.floor is not None:
        floor = arguments.floor / 100
    code = Disassembly(arguments.library)
    reached = Reached(code)
    before, in_section = read_interrupted(arguments.interrupted)
    before = with_padding(code, before)
    errors = judge(code, reached, before, in_section, Exceptions(arguments.exceptions), floor, arguments.mode)
    print("excluded functions:")
    for name, reason in sorted(reached.excluded_seen.items()):
        print(f"  {name}: {reason}")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
