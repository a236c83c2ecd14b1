#!/usr/bin/env python3
"""Tests of callgrind.py and of what count.py makes of it."""

import pathlib
import tempfile
import unittest

import callgrind
import count

# As callgrind writes it: main calls work twice, work calls itself and a function without a name in another file.
DUMP = """# callgrind format
version: 1
creator: callgrind-3.19.0
positions: line
events: Ir
summary: 1110

ob=(1) /bin/program
fl=(1) main.cc
fn=(1) main
10 10
cfi=(1)
cfn=(2) parley::(anonymous namespace)::work()
calls=2 20
+2 1100

fn=(2)
20 300
* 100
cfn=(3) parley::(anonymous namespace)::work()'2
calls=1 20
+1 500
cob=(2) /lib/libother.so.3
cfi=(2) ???
cfn=(4) 0x0000000000001234
calls=4 0
-1 200

fn=(3)
20 500

ob=(2)
fl=(2)
fn=(4)
0 200
totals: 1110
"""


class Dumps(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name) / "out.1"

    def read(self, text):
        self.path.write_text(text, encoding="utf-8")
        return callgrind.read_profile(self.path)

    def test_each_instruction_is_one_functions_own(self):
        profile = self.read(DUMP)
        self.assertEqual(profile.own, {"main": 10, "parley::work()": 900, "a function of libother.so.3": 200})
        self.assertEqual(sum(profile.own.values()), profile.total)

    def test_a_function_that_calls_itself_counts_once_with_what_it_calls(self):
        self.assertEqual(self.read(DUMP).whole, {"main": 1110, "parley::work()": 1100, "a function of libother.so.3": 200})

    def test_a_dump_that_was_cut_off_is_refused_by_name(self):
        with self.assertRaisesRegex(callgrind.FormatError, "out.1: no line 'summary:'"):
            self.read(DUMP.split("summary")[0])


class Counts(unittest.TestCase):
    def test_the_difference_of_two_counts_is_divided_by_calls_and_items(self):
        # 1,000 of entering the function, 50 a call of 5 items.
        self.assertEqual(count.per_item(1000 + 50 * 64, 1000 + 50 * 192, 5, 64, 192), 10)

    def test_counts_that_do_not_grow_with_the_calls_are_refused(self):
        with self.assertRaisesRegex(count.CountError, "nothing was counted"):
            count.per_item(1000, 1000, 1, 64, 192)

    def test_names_may_hold_spaces_and_commas(self):
        self.assertEqual(count.parse_list("store/in memory, read/8\t8\t64\t192\t77\n"), [("store/in memory, read/8", 8, 64, 192, 77)])

    def test_a_line_that_is_not_a_result_is_shown(self):
        with self.assertRaisesRegex(count.CountError, "five fields: 'hello'"):
            count.parse_list("hello\n")


if __name__ == "__main__":
    unittest.main()
