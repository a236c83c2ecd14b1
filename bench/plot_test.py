#!/usr/bin/env python3
"""Tests of plot.py: what is drawn where, and what is refused."""

import dataclasses
import math
import re
import unittest
import xml.etree.ElementTree as xml

import plot
from plot import Plot, PlotError, Series

SVG = "{http://www.w3.org/2000/svg}"


def simple(**changes):
    return dataclasses.replace(Plot("Title", "x axis", "y axis", [Series("one", [(0, 0), (10, 50), (20, 100)])]), **changes)


def marks(svg):
    return [(float(circle.get("cx")), float(circle.get("cy"))) for circle in xml.fromstring(svg).iter(SVG + "circle") if float(circle.get("cy")) > plot.TOP]


class Drawing(unittest.TestCase):
    def test_points_in_proportion_to_the_axes(self):
        (x0, y0), (x1, y1), (x2, y2) = marks(plot.svg(simple()))
        self.assertAlmostEqual(x1 - x0, x2 - x1, places=1)
        self.assertAlmostEqual(y0 - y1, y1 - y2, places=1)
        self.assertEqual((x0, y0), (plot.LEFT, plot.HEIGHT - plot.BOTTOM))

    def test_equal_factors_are_equal_ways_on_a_logarithmic_axis(self):
        points = marks(plot.svg(simple(series=[Series("one", [(1, 1), (10, 100), (100, 10000)])], log_x=True, log_y=True)))
        (x0, y0), (x1, y1), (x2, y2) = points
        self.assertAlmostEqual(x1 - x0, x2 - x1, places=1)
        self.assertAlmostEqual(y0 - y1, y1 - y2, places=1)

    def test_all_marks_lie_between_the_axes(self):
        for low, high in ((0, 1), (17, 18), (-5, 3), (99_000, 1_000_001), (0.001, 0.0011)):
            for log in (False, low > 0):
                svg = plot.svg(simple(series=[Series("one", [(low, low), (high, high)])], log_x=log, log_y=log))
                for x, y in marks(svg):
                    self.assertTrue(plot.LEFT <= x <= plot.WIDTH and 0 < y <= plot.HEIGHT - plot.BOTTOM, (low, high, log, x, y))

    def test_each_series_has_a_colour_and_a_mark_of_its_own_and_stands_in_the_legend(self):
        series = [Series(f"series {i}", [(1, i + 1), (2, i + 2)]) for i in range(7)]
        svg = plot.svg(simple(series=series))
        self.assertEqual(len({style for style in plot.styles(series)}), 7)
        for colour, _ in plot.styles(series):
            self.assertIn(colour, svg)
        words = [element.text for element in xml.fromstring(svg).iter(SVG + "text")]
        for one in series:
            self.assertIn(one.name, words)

    def test_a_legend_that_is_too_long_goes_on_in_the_next_row(self):
        rows = plot.legend_rows([Series("x" * 30, []), Series("y" * 30, []), Series("z" * 30, [])])
        self.assertEqual([[index for _, index in row] for row in rows], [[0, 1], [2]])

    def test_words_are_not_markup(self):
        root = xml.fromstring(plot.svg(simple(title='a < b & "c"')))
        self.assertEqual(root.get("aria-label"), 'a < b & "c"')

    def test_one_point_and_equal_values_are_drawn(self):
        for points in ([(5, 5)], [(1, 0), (2, 0)], [(3, 7), (3, 7)]):
            self.assertEqual(len(marks(plot.svg(simple(series=[Series("one", points)])))), len(points))

    def test_the_same_data_gives_the_same_bytes(self):
        self.assertEqual(plot.svg(simple()), plot.svg(simple()))


class Refusing(unittest.TestCase):
    def refused(self, words, **changes):
        with self.assertRaisesRegex(PlotError, re.escape(words)):
            plot.svg(simple(**changes))

    def test_no_series(self):
        self.refused("plot 'Title': there is no series", series=[])

    def test_a_series_without_points(self):
        self.refused("plot 'Title', series 'empty': there are no points", series=[Series("one", [(1, 1)]), Series("empty", [])])

    def test_what_is_not_a_finite_number(self):
        for value in (math.nan, math.inf, None, "3"):
            self.refused("series 'one': (1, ", series=[Series("one", [(0, 0), (1, value)])])

    def test_zero_on_a_logarithmic_axis(self):
        self.refused("y is 0, and a logarithmic axis begins above 0", log_y=True)
        self.refused("x is 0, and a logarithmic axis begins above 0", log_x=True)


class Ticks(unittest.TestCase):
    def test_linear_ticks_are_round_and_cover_the_range(self):
        self.assertEqual(plot.linear_ticks(0, 57.5), [0, 10, 20, 30, 40, 50, 60])
        for low, high in ((0, 1), (3, 4), (-2.5, 7.1), (0, 123456), (1e-6, 2e-6)):
            ticks = plot.linear_ticks(low, high)
            self.assertLessEqual(ticks[0], low)
            self.assertGreaterEqual(ticks[-1], high * 0.999)
            self.assertTrue(2 <= len(ticks) <= 10, ticks)

    def test_what_is_counted_has_whole_ticks(self):
        self.assertEqual(plot.Axis([1, 2], False, 0, 100).ticks, [1, 2])

    def test_logarithmic_ticks_cover_the_range(self):
        for low, high in ((1, 1), (1, 10), (3, 40), (0.02, 7e6), (1000, 20000)):
            ticks = plot.log_ticks(low, high)
            self.assertLessEqual(ticks[0], low * 1.001)
            self.assertGreaterEqual(ticks[-1], high * 0.999)
            self.assertGreater(len(ticks), 1)

    def test_numbers_are_short(self):
        wanted = {0: "0", 0.25: "0.25", 1500: "1.5k", 20000: "20k", 20e6: "20M", 1e9: "1G", 999: "999", -3: "-3"}
        self.assertEqual({value: plot.number(value) for value in wanted}, wanted)


class Fits(unittest.TestCase):
    def test_a_straight_line_is_found_exactly(self):
        slope, intercept, square = plot.fit([(x, 3 + 0.5 * x) for x in (1, 10, 100, 1000)])
        self.assertAlmostEqual(slope, 0.5)
        self.assertAlmostEqual(intercept, 3)
        self.assertAlmostEqual(square, 1)

    def test_a_parabola_is_no_straight_line(self):
        self.assertLess(plot.fit([(x, x * x) for x in range(-5, 6)])[2], 0.1)

    def test_a_line_needs_two_places(self):
        with self.assertRaisesRegex(PlotError, "two or more different x, and these are 1"):
            plot.fit([(1, 1), (1, 2)])

    def test_on_logarithmic_axes_a_proportion_is_the_power_one_and_what_stays_is_zero(self):
        points, line = plot.fitted_power("whole", [(x, 7 * x) for x in (1, 10, 1000)])
        self.assertEqual(line.name, "grows as x^1.00, R² 1.00")
        for (_, y), wanted in zip(line.points, (7, 7000)):
            self.assertAlmostEqual(y, wanted, places=6)
        self.assertIn("grows as x^0.00", plot.fitted_power("each", [(1, 30.1), (10, 29.9), (1000, 30)])[1].name)

    def test_a_falling_line_is_written_with_one_sign(self):
        self.assertEqual(plot.fitted("falls", [(0, 100), (10, 50), (20, 0)])[1].name, "100 − 5 x, R² 1.00")

    def test_points_and_line_share_a_colour(self):
        series = plot.fitted("one", [(1, 1), (2, 2)]) + plot.fitted("two", [(1, 2), (2, 4)])
        styles = plot.styles(series)
        self.assertEqual(styles[0], styles[1])
        self.assertEqual(styles[2], styles[3])
        self.assertNotEqual(styles[0], styles[2])
        self.assertIn("R² 1.00", series[1].name)


if __name__ == "__main__":
    unittest.main()
