#!/usr/bin/env python3
"""Tests of report.py and measures.py: from what was measured to the page, without measuring."""

import json
import pathlib
import tempfile
import unittest
import xml.etree.ElementTree as xml

import measures
import plot
import report


def run(name, x, rate, warnings=()):
    latency = {"count": 10, "p50": 400, "p90": 500, "p99": 900 + x, "p99.9": 2000, "max": 3000}
    figures = {"messages receipted": rate, "server CPU per 1,000 messages": 45.25, "generator CPU per message": 5.0,
               "server resident memory": 30000.0 + 2.5 * x, "generator busiest thread": 0.5}
    return {"x": x, "name": name, "figures": figures, "units": dict.fromkeys(figures, "us"),
            "latency_us": {"sent": latency, "receipted": latency}, "warnings": list(warnings)}


def measured():
    micro = [{"name": f"{name}/{batch}", "us": 100 / batch, "cpu_us": 50 / batch} for batch in (1, 8, 64)
             for name in ("store/rocksdb, submit", "store/in memory, read", "outbox/send", "codec/encode")]
    return {
        "machine": {"cores": 2, "kernel": "6.1", "fdatasync_ms": {"4096": {"p50": 0.25, "p99": 2.0}, "65536": {"p50": 0.3, "p99": 2.5}}},
        "micro": micro,
        "closed": [run("pairs, 1 outstanding", 1, 9000.0), run("pairs, 16 outstanding", 16, 30000.0, ["<busy> 90 %"])],
        "open": [run("pairs, 500 messages/s", 500, 500.0), run("pairs, 1,000 messages/s", 1000, 1000.0)],
        "idle": [run("idle, 250 connections", 250, 0.0), run("idle, 1,000 connections", 1000, 0.0)],
        "others": [run("fanout", 1, 0.0)],
    }


POINTS = {"sessions": [(1000, {"cpu_us_per_message": 30.0}), (2000, {"cpu_us_per_message": 31.0}), (3000, {"cpu_us_per_message": 30.0})],
          "threads": [(1, {"messages_per_s": 100.0}), (2, {"messages_per_s": 180.0})]}


class Pages(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def test_a_page_stands_alone_with_its_plots_and_the_machine(self):
        text = report.write(self.folder, measured(), POINTS).read_text(encoding="utf-8")
        self.assertNotIn("http", text.replace("http://www.w3.org/2000/svg", ""))
        self.assertIn("<td>cores</td><td>2</td>", text)
        self.assertIn("fdatasync of 4 KiB appended, p50 / p99</td><td>0.25 / 2.0 ms", text)
        self.assertIn("<td>pairs, 16 outstanding</td><td>30,000</td><td>45.2</td>", text)
        self.assertEqual(text.count("<svg "), 10)

    def test_each_plot_is_a_file_too(self):
        report.write(self.folder, measured(), POINTS)
        files = sorted(self.folder.glob("*.svg"))
        self.assertEqual(len(files), 10)
        for file in files:
            xml.parse(file)

    def test_warnings_of_the_generator_are_shown_as_words(self):
        text, _ = report.page(measured(), {})
        self.assertIn("pairs, 16 outstanding: &lt;busy&gt; 90 %", text)

    def test_growth_is_plotted_with_the_line_that_fits_and_two_points_without(self):
        plots = dict(report.growth_plots(POINTS))
        self.assertEqual(len(plots["grow-sessions-cpu-us-per-message"].series), 2)
        self.assertEqual(len(plots["grow-threads-messages-per-s"].series), 1)

    def test_a_measurement_without_runs_is_refused_by_the_plot_that_is_empty(self):
        empty = measured() | {"open": []}
        with self.assertRaisesRegex(plot.PlotError, "plot 'Latency against throughput, open loop"):
            report.page(empty, {})


class Points(unittest.TestCase):
    def read(self, text):
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            return report.read_points([pathlib.Path(file.name)])

    def test_points_are_sorted_and_the_later_of_one_place_counts(self):
        text = "".join(json.dumps({"series": "sessions", "x": x, "y": {"a": y}}) + "\n" for x, y in ((2, 1), (1, 5), (2, 9)))
        self.assertEqual(self.read(text), {"sessions": [(1, {"a": 5}), (2, {"a": 9})]})

    def test_a_line_that_is_no_point_is_named(self):
        with self.assertRaisesRegex(plot.PlotError, r"\.jsonl:2: not a point of grow.py"):
            self.read('{"series": "s", "x": 1, "y": {"a": 1}}\n{"x": 1}\n')

    def test_the_end_of_a_name_is_its_unit(self):
        self.assertEqual(report.unit_of("append_p99_us"), ("append p99", "µs"))
        self.assertEqual(report.unit_of("messages_per_s"), ("messages", "1/s"))
        self.assertEqual(report.unit_of("messages_per_s_1_outstanding"), ("messages 1 outstanding", "1/s"))
        self.assertEqual(report.unit_of("server_bytes_per_connection"), ("server per connection", "bytes"))
        self.assertEqual(report.unit_of("cpu_us_per_message"), ("cpu per message", "µs"))


class Measures(unittest.TestCase):
    def test_a_micro_benchmark_is_divided_by_its_items(self):
        ran = {"name": "store/read/8/real_time", "real_time": 16.0, "cpu_time": 8.0, "time_unit": "us", "items_per_second": 500_000.0}
        self.assertEqual(measures.parse_micro(json.dumps({"benchmarks": [ran]})), [{"name": "store/read/8", "us": 2.0, "cpu_us": 1.0}])

    def test_a_micro_benchmark_that_failed_is_named(self):
        ran = {"name": "store/read", "error_occurred": True, "error_message": "no disk"}
        with self.assertRaisesRegex(measures.MeasureError, "store/read failed: no disk"):
            measures.parse_micro(json.dumps({"benchmarks": [ran]}))

    def test_a_quantile_is_one_of_the_values(self):
        values = list(range(100, 0, -1))
        self.assertEqual((measures.quantile(values, 0.5), measures.quantile(values, 0.99), measures.quantile([7], 0.99)), (51, 100, 7))


if __name__ == "__main__":
    unittest.main()
