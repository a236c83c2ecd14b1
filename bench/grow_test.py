#!/usr/bin/env python3
"""The recipes of grow.py run, and give the points that README.md promises. usage: grow_test.py FOLDER-OF-PROGRAMS"""

import json
import pathlib
import subprocess
import sys
import unittest

HERE = pathlib.Path(__file__).parent
PROGRAMS = sys.argv.pop(1)


def documented():
    """The names in the table of README.md, by series."""
    names = {}
    for line in (HERE / "README.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) == 5 and cells[1].startswith("`"):
            names[cells[1].strip("`")] = {name.strip("`") for name in cells[3].split()}
    return names


class Grow(unittest.TestCase):
    def grow(self, *arguments):
        return subprocess.run([sys.executable, HERE / "grow.py", *arguments], capture_output=True, text=True, timeout=240)

    def test_every_series_gives_the_points_that_are_documented(self):
        done = self.grow("--quick", PROGRAMS)
        self.assertEqual(done.returncode, 0, done.stderr)
        points = [json.loads(line) for line in done.stdout.splitlines()]
        expected = documented()
        self.assertEqual(len(expected), 6)
        for series, names in expected.items():
            mine = [point for point in points if point["series"] == series]
            self.assertEqual(len(mine), 2, series)
            self.assertLess(mine[0]["x"], mine[1]["x"], series)
            for point in mine:
                self.assertEqual(set(point), {"series", "x", "y"})
                self.assertEqual(set(point["y"]), names, series)
                self.assertTrue(all(isinstance(value, (int, float)) for value in point["y"].values()), point)

    def test_a_series_that_does_not_exist_is_named(self):
        done = self.grow(PROGRAMS, "weather")
        self.assertEqual(done.returncode, 2)
        self.assertIn("weather", done.stderr)

    def test_a_folder_without_programs_is_named(self):
        done = self.grow("nowhere")
        self.assertEqual(done.returncode, 2)
        self.assertIn("nowhere", done.stderr)


if __name__ == "__main__":
    unittest.main()
