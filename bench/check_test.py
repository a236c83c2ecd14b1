#!/usr/bin/env python3
"""Tests of check.py: what is a regression, and what is said of it."""

import copy
import json
import pathlib
import tempfile
import unittest

import check

BASELINE = {
    "environment": {"compiler": "GCC 12", "libssl3": "3.0"},
    "instructions": {"codec/encode/16": 1000.0, "node/message": 200000.0},
    "bytes": {"session/plain": 2500, "session/tls": 16000},
}


class Judging(unittest.TestCase):
    def setUp(self):
        self.measured = copy.deepcopy(BASELINE)
        self.said = []

    def judge(self, only=""):
        return check.judge(BASELINE, self.measured, only, self.said.append)

    def test_the_same_figures_pass(self):
        self.assertTrue(self.judge())
        self.assertEqual(self.said, ["bench-check: nothing is worse than the baseline"])

    def test_three_per_cent_more_instructions_pass_and_a_little_more_does_not(self):
        self.measured["instructions"]["node/message"] = 205990.0
        self.assertTrue(self.judge())
        self.measured["instructions"]["node/message"] = 206100.0
        self.assertFalse(self.judge())

    def test_a_regression_is_one_line_with_both_figures_and_the_way_to_accept_it(self):
        self.measured["bytes"]["session/tls"] = 16400
        self.assertFalse(self.judge())
        self.assertEqual(self.said[0], "regression: session/tls: 16,400 bytes, 16,000 in the baseline: 2.5 % more, 2 % are allowed")
        self.assertIn("ACCEPT=1", self.said[1])

    def test_what_became_better_is_said_and_passes(self):
        self.measured["instructions"]["codec/encode/16"] = 900.0
        self.assertTrue(self.judge())
        self.assertEqual(self.said[0], "better: codec/encode/16: 900.0 instructions, 1,000.0 in the baseline: 10.0 % fewer")

    def test_with_another_compiler_a_regression_is_a_warning_that_names_it(self):
        self.measured["environment"]["compiler"] = "GCC 13"
        self.measured["bytes"]["session/plain"] = 5000
        self.assertTrue(self.judge())
        self.assertIn("compiler: GCC 13 here, GCC 12 in the baseline", self.said[0])
        self.assertTrue(self.said[1].startswith("warning: session/plain"))

    def test_an_operation_that_is_no_longer_measured_fails(self):
        del self.measured["instructions"]["node/message"]
        self.assertFalse(self.judge())
        self.assertIn("node/message: is in the baseline and was not measured", self.said[0])

    def test_a_new_operation_passes_and_is_said(self):
        self.measured["instructions"]["node/other"] = 5.0
        self.assertTrue(self.judge())
        self.assertTrue(self.said[0].startswith("new: node/other"))

    def test_of_a_part_only_that_part_is_judged(self):
        self.measured["instructions"] = {"codec/encode/16": 1000.0}
        self.measured["bytes"] = {}
        self.assertTrue(self.judge(only="^codec"))


class Accepting(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name) / "baseline.json"

    def test_what_was_accepted_passes_afterwards(self):
        measured = copy.deepcopy(BASELINE)
        measured["bytes"]["session/tls"] = 99999
        check.accept(self.path, BASELINE, copy.deepcopy(measured), "")
        self.assertEqual(check.compare(check.read_baseline(self.path), measured), ([], []))

    def test_accepting_a_part_keeps_the_rest(self):
        part = {"environment": BASELINE["environment"], "instructions": {"codec/encode/16": 1.0}, "bytes": {}}
        check.accept(self.path, BASELINE, part, "^codec")
        now = check.read_baseline(self.path)
        self.assertEqual(now["instructions"], {"codec/encode/16": 1.0, "node/message": 200000.0})
        self.assertEqual(now["bytes"], BASELINE["bytes"])

    def test_figures_of_two_compilers_do_not_come_into_one_baseline(self):
        part = {"environment": {"compiler": "GCC 13"}, "instructions": {"codec/encode/16": 1.0}, "bytes": {}}
        with self.assertRaisesRegex(check.CheckError, "compiler: GCC 13 here.*accept all of it"):
            check.accept(self.path, BASELINE, part, "^codec")
        self.assertFalse(self.path.exists())

    def test_a_baseline_without_a_part_is_refused_by_name(self):
        self.path.write_text(json.dumps({"environment": {}, "instructions": {}}), encoding="utf-8")
        with self.assertRaisesRegex(check.CheckError, "no object 'bytes'"):
            check.read_baseline(self.path)

    def test_the_baseline_of_the_tree_can_be_read(self):
        baseline = check.read_baseline(check.BASELINE)
        self.assertGreater(len(baseline["instructions"]), 50)
        self.assertEqual(sorted(baseline["bytes"]), ["session/plain", "session/tls"])


if __name__ == "__main__":
    unittest.main()
