# SPDX-License-Identifier: Apache-2.0
"""Of the driver's own code: ratios, bars, tables, the allocator that must have answered."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import allocators  # noqa: E402
import bars  # noqa: E402
import documents  # noqa: E402
import ratios  # noqa: E402
import tables  # noqa: E402
from allocators import Allocator  # noqa: E402


def times(*values):
    return [None if value is None else {"time": value} for value in values]


class Ratios(unittest.TestCase):
    def test_each_round_is_compared_with_the_best_peer_of_that_round(self):
        runs = {"reslab": times(2, 6, 9), "a": times(1, 9, 9), "b": times(4, 3, 10)}
        ratio = ratios.to_best(runs, "reslab", ["a", "b"], "time")
        self.assertEqual((ratio.median, ratio.low, ratio.high), (2, 1, 2))
        self.assertEqual(ratio.best_peer, "a")

    def test_the_spread_is_the_middle_half(self):
        runs = {"reslab": times(1, 2, 3, 4, 100), "a": times(1, 1, 1, 1, 1)}
        ratio = ratios.to_best(runs, "reslab", ["a"], "time")
        self.assertEqual((ratio.low, ratio.median, ratio.high), (2, 3, 4))

    def test_failed_runs_leave_their_round_to_the_others(self):
        runs = {"reslab": times(2, None, 8), "a": times(None, 1, 4), "b": times(1, 1, None)}
        self.assertEqual(ratios.to_best(runs, "reslab", ["a", "b"], "time").median, 2)

    def test_without_a_whole_round_there_is_no_ratio(self):
        self.assertIsNone(ratios.to_best({"reslab": times(1), "a": times(None)}, "reslab", ["a"], "time"))
        self.assertIsNone(ratios.to_best({"reslab": times(1)}, "reslab", [], "time"))
        self.assertIsNone(ratios.to_best({"a": times(1)}, "reslab", ["a"], "time"))

    def test_geometric_mean(self):
        self.assertAlmostEqual(ratios.geometric_mean([1, 4]), 2)
        self.assertIsNone(ratios.geometric_mean([]))


class Bars(unittest.TestCase):
    def test_a_case_above_the_bar_is_missed_and_the_mean_judged_by_its_own(self):
        results = {"x": {"reslab": times(1.2), "a": times(1)}, "y": {"reslab": times(0.5), "a": times(1)}}
        verdicts = {v.what: v for v in bars.judge("micro", results, ["a"])}
        self.assertTrue(verdicts["time against the best peer, geometric mean"].is_met)
        self.assertFalse(verdicts["time against the best peer: x"].is_met)
        self.assertTrue(verdicts["time against the best peer: y"].is_met)

    def test_the_prototype_is_carried_over_by_jemalloc(self):
        # Behind the calls 1.25 times 13 - 7 cycles, where jemalloc has 16 - 7.
        for own, is_met in ((5.83, True), (5.84, False), (4.9, True)):
            results = {"pair/64": {"reslab": times(own), "jemalloc": times(6)},
                       "empty_calls": {"reslab": times(5), "jemalloc": times(5)}}
            found = bars.judge("micro", results, ["jemalloc"])
            self.assertEqual([v.is_met for v in found if "prototype" in v.what], [is_met])
            self.assertNotIn("time against the best peer: empty_calls", [v.what for v in found])

    def test_without_the_calls_nothing_is_said_of_the_prototype(self):
        found = bars.judge("micro", {"pair/64": {"reslab": times(1), "jemalloc": times(1)}}, [])
        self.assertEqual([v for v in found if "prototype" in v.what], [])

    def test_cpu_time_may_stand_for_time(self):
        results = {"x": {"reslab": [{"time": 9, "cpu": 1}], "a": [{"time": 1, "cpu": 2}]}}
        mean, each = bars.judge("workloads", results, ["a"], "cpu")
        self.assertEqual((mean.value, each.value), (0.5, 0.5))

    def test_memory_is_measured_by_jemalloc_alone(self):
        sample = {"reslab": [{"peak_rss": 3.0}], "glibc": [{"peak_rss": 1.0}], "jemalloc": [{"peak_rss": 4.0}]}
        found = [v.value for v in bars.judge("workloads", {"x": sample}, ["glibc", "jemalloc"]) if "peak" in v.what]
        self.assertEqual(found, [0.75, 0.75])

    def test_what_the_calls_cost_is_no_allocators_merit(self):
        runs = {"reslab-fallback": times(2), "reslab": times(2), "glibc": times(2)}
        found = {v.what for v in bars.judge("micro", {"pair/64": runs, bars.EMPTY_CALLS: runs}, ["glibc"])}
        self.assertIn("fallback mode's time against reslab: pair/64", found)
        self.assertFalse([what for what in found if bars.EMPTY_CALLS in what])

    def test_idle_may_keep_a_tenth_and_two_mebibytes(self):
        for end, met in ((13.0, True), (13.1, False)):
            results = {"idle": {"reslab": [{"start_rss": 10 * bars.MIB, "end_rss": end * bars.MIB}]}}
            (verdict,) = bars.judge("memory", results, [])
            self.assertEqual(verdict.is_met, met)

    def test_many_threads_are_compared_with_two(self):
        results = {f"oversubscribed_{n}": {"reslab": [{"peak_rss": rss, "time": 1.0}]}
                   for n, rss in ((2, 100), (16, 109), (64, 111))}
        found = {v.what: v.is_met for v in bars.judge("workloads", results, [])}
        self.assertTrue(found["peak_rss of 16 threads against that of 2"])
        self.assertFalse(found["peak_rss of 64 threads against that of 2"])
        self.assertTrue(found["time of 64 threads against that of 2"])


class Documents(unittest.TestCase):
    def test_a_section_replaces_itself_and_nothing_else(self):
        once = tables.put_section("# Title\n\nwords\n", "micro", "first")
        twice = tables.put_section(once + "\nafter\n", "micro", "second")
        self.assertIn("# Title\n\nwords\n", twice)
        self.assertIn("\nafter\n", twice)
        self.assertIn("second", twice)
        self.assertNotIn("first", twice)

    def test_markers_out_of_order_are_refused(self):
        with self.assertRaises(ValueError):
            tables.put_section("<!-- bench x: end -->\n<!-- bench x: begin -->\n", "x", "text")

    def test_a_failed_allocator_is_shown_as_such(self):
        results = {"case": {"reslab": times(1), "a": times(None), "b": times(2)}}
        measured = documents.Measured("workloads", "m", "h", ["reslab", "a", "b"], ["a", "b"], results,
                                      ["case under a: why"])
        text = documents.section(measured, None)
        self.assertRegex(text, r"\| case \| +1\.00 \| +failed \| +2\.00 \| 0\.50 \(0\.50 to 0\.50\) \| +b \|")
        self.assertIn("case under a: why", text)

    def test_figures_have_three_digits(self):
        self.assertEqual([tables.plain(v) for v in (0.123, 4.567, 45.67, 4567.8)], ["0.12", "4.57", "45.7", "4,568"])


class Answers(unittest.TestCase):
    def test_who_answered_and_how(self):
        peer = Allocator("p", "/opt/libp.so", must_be_per_cpu=True)
        self.assertIsNone(allocators.complaint_about(peer, "/opt/libp.so", "none", True))
        self.assertIn("per CPU", allocators.complaint_about(peer, "/opt/libp.so", "none", False))
        self.assertIn("malloc came from", allocators.complaint_about(peer, "/lib/libc.so.6", "none", True))
        ours = allocators.reslab(Path("/opt/libreslab.so"), "fallback")
        self.assertIn("mode rseq", allocators.complaint_about(ours, "/opt/libreslab.so", "rseq", False))

    def test_mappings(self):
        maps = "7f00-7f01 r-xp 00000000 fe:00 12   /opt/libp.so.2.0\n7f02-7f03 rw-p 00000000 00:00 0 \n"
        self.assertTrue(allocators.is_mapped(Allocator("p", "libp.so.2"), maps))
        self.assertFalse(allocators.is_mapped(Allocator("q", "/opt/libq.so"), maps))


if __name__ == "__main__":
    unittest.main()
