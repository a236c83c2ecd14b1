#!/usr/bin/env python3
"""The report of make bench: measures (measures.py), or reads what was measured, and writes build/bench/report.html and its plots.

usage: report.py FOLDER-OF-PROGRAMS [--folder build/bench] [--full] [--points FILE ...] [--again]

--full measures longer, and the series of grow.py too (an hour or more). --points reads a file of grow.py; FOLDER/grow.jsonl is read
where there is one. --again measures nothing and writes the report of the last measurements (FOLDER/measured.json) anew.
"""

import argparse
import html
import json
import math
import pathlib
import re
import subprocess
import sys

import grow
import measures
import plot
from plot import Plot, Series

HERE = pathlib.Path(__file__).resolve().parent
LOGARITHMIC = {"mailboxes", "length", "recipients"}  # of grow.py: x grows by factors
GROWS = {"sessions": "sessions", "mailboxes": "mailboxes", "length": "events in one mailbox", "recipients": "recipients of a message",
         "store": "GB in the store", "threads": "threads of the server"}
UNITS = (("_us", "µs"), ("_ms", "ms"), ("_per_s", "1/s"), ("_bytes", "bytes"), ("_share", "of one core"))
STYLE = """body{font:15px/1.5 sans-serif;color:#222;background:#fff;max-width:1340px;margin:2em auto;padding:0 1em}
table{border-collapse:collapse;margin:1em 0}td,th{border-bottom:1px solid #ddd;padding:.25em .8em;text-align:right;vertical-align:top}
td:first-child,th:first-child{text-align:left}.plots{display:flex;flex-wrap:wrap;gap:1em}.plots svg{max-width:100%;height:auto}
.note{color:#555;max-width:50em}.warning{color:#a33}"""


def thousandths(latencies, name, share):
    return latencies[name][share] / 1000


def by_load(runs, names, x_of):
    """Series of latencies in ms over the load, for each name and quantile, of the runs in which something was measured."""
    found = []
    for name in names:
        for share in ("p50", "p99"):
            points = [(x_of(run), max(0.001, thousandths(run["latency_us"], name, share))) for run in runs if name in run["latency_us"]]
            found.append(Series(f"{name}, {share}", points))
    return found


def throughput(run):
    return run["figures"]["messages receipted"]


def load_plots(measured):
    """[(file name, Plot)]"""
    names = ("sent", "receipted")
    return [
        ("latency-open", Plot("Latency against throughput, open loop, 100 pairs", "messages/s", "ms since the message was due",
                              by_load(measured["open"], names, throughput), log_x=True, log_y=True)),
        ("latency-closed", Plot("Latency against throughput, 1 to 64 outstanding, 100 pairs", "messages/s", "ms",
                                by_load(measured["closed"], names, throughput), log_y=True)),
        ("cpu-closed", Plot("Processor time of the server, 100 pairs", "messages outstanding per pair", "µs per message",
                            [Series("server", [(run["x"], run["figures"]["server CPU per 1,000 messages"]) for run in measured["closed"]]),
                             Series("generator", [(run["x"], run["figures"]["generator CPU per message"]) for run in measured["closed"]])],
                            log_x=True)),
        ("memory", Plot("Memory against connections", "idle sessions", "MB resident",
                        plot.fitted("server", [(run["x"], run["figures"]["server resident memory"] / 1024) for run in measured["idle"]]))),
    ]


def batch_series(micro, of, field):
    """Names of `of` end with /batch; (batch, cost of one)."""
    found = {}
    for one in micro:
        if match := re.fullmatch(of, one["name"]):
            found.setdefault(match[1], []).append((int(match[2]), one[field]))
    return [Series(name, sorted(points)) for name, points in found.items()]


def micro_plots(measured):
    plots = []
    for name, title, pattern, field in (
            ("batch-time", "RocksDB: time of a durable message, against batch size", r"store/(rocksdb, (?:submit|append))/(\d+)", "us"),
            ("batch-cpu", "The store's own processor time, against batch size", r"store/(in memory, (?:submit|append|read))/(\d+)", "cpu_us"),
            ("outbox", "SQLite: time of a message or event, against batch size", r"outbox/(send|record events)/(\d+)", "us"),
            ("codec", "WebSocket codec: time of a frame against its size", r"codec/((?:encode|decode)(?: masked)?)/(\d+)", "us")):
        series = batch_series(measured["micro"], pattern, field)
        plots.append((name, Plot(title, "bytes" if name == "codec" else "in one batch", "µs each", series, log_x=True, log_y=True)))
    return plots


def read_points(paths):
    """{series: [(x, {name: value})]} of files of grow.py; of two points of one place the later counts."""
    found = {}
    for path in paths:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            try:
                point = json.loads(line)
                found.setdefault(point["series"], {})[point["x"]] = dict(point["y"])
            except (ValueError, TypeError, KeyError) as error:
                raise plot.PlotError(f"{path}:{number}: not a point of grow.py ({error!r}): {line[:80]}") from error
    return {series: sorted(points.items()) for series, points in found.items()}


def unit_of(name):
    """(what, its unit), from a name of grow.py such as append_p99_us or cpu_us_per_message."""
    for part, unit in UNITS:
        if name.endswith(part) or part + "_" in name:
            return name.replace(part, "", 1).replace("_", " "), unit
    return name.replace("_", " "), ""


def growth_plots(points):
    """A plot for each figure of each series, with the line that fits it best; where x grows by factors, on logarithmic axes."""
    plots = []
    for series, rows in points.items():
        for name in sorted({name for _, y in rows for name in y}):
            places = [(x, y[name]) for x, y in rows if name in y]
            what, unit = unit_of(name)
            log = series in LOGARITHMIC and all(x > 0 and y > 0 for x, y in places)
            lines = [Series(what, places)] if len(places) < 3 else plot.fitted_power(what, places) if log else plot.fitted(what, places)
            plots.append((f"grow-{series}-{name}".replace("_", "-"),
                          Plot(f"{series}: {what}", GROWS.get(series, series), unit or what, lines, log_x=log, log_y=log)))
    return plots


def table(heads, rows):
    def row_of(kind, row):
        return "<tr>" + "".join(f"<{kind}>{html.escape(str(cell))}</{kind}>" for cell in row) + "</tr>"
    return f"<table>{row_of('th', heads)}{''.join(row_of('td', row) for row in rows)}</table>"


def short(value):
    """Three digits, without an exponent."""
    if value == 0 or not math.isfinite(value):
        return str(value)
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{min(digits, 4)}f}"


def machine_table(machine):
    rows = [(name.replace("_", " "), value) for name, value in machine.items() if name != "fdatasync_ms"]
    for size, took in machine["fdatasync_ms"].items():
        rows.append((f"fdatasync of {int(size) // 1024} KiB appended, p50 / p99", f"{took['p50']} / {took['p99']} ms"))
    return table(("the machine", ""), rows)


def runs_table(runs):
    def latency(run, name):
        found = run["latency_us"].get(name)
        return f"{found['p50'] / 1000:.2f} / {found['p99'] / 1000:.2f} / {found['p99.9'] / 1000:.2f}" if found else ""
    rows = [(run["name"], short(throughput(run)), short(run["figures"]["server CPU per 1,000 messages"]),
             latency(run, "sent"), latency(run, "receipted"), short(100 * run["figures"]["generator busiest thread"])) for run in runs]
    return table(("workload", "messages/s", "server CPU, µs per message", "sent: p50 / p99 / p99.9 ms", "receipt: p50 / p99 / p99.9 ms", "generator busy, %"), rows)


def figures_table(runs):
    rows = [(run["name"] if first else "", name, f"{short(value)} {run['units'][name]}")
            for run in runs for first, (name, value) in ((index == 0, item) for index, item in enumerate(run["figures"].items()))]
    return table(("workload", "figure", ""), rows)


def warnings_of(measured):
    lines = [f"{run['name']}: {warning}" for part in ("closed", "open", "idle", "others") for run in measured[part] for warning in run["warnings"]]
    return "".join(f'<p class="warning">{html.escape(line)}</p>' for line in lines)


def section(title, note, plots, *tables):
    drawn = "".join(plot.svg(one) for _, one in plots)
    return f'<h2>{html.escape(title)}</h2><p class="note">{html.escape(note)}</p><div class="plots">{drawn}</div>{"".join(tables)}'


def page(measured, points):
    """(HTML, [(file name, Plot)])"""
    loads, micros, growth = load_plots(measured), micro_plots(measured), growth_plots(points)
    micro_rows = [(one["name"], short(one["us"]), short(one["cpu_us"])) for one in measured["micro"]]
    parts = [
        "<h1>Parley: what it costs</h1>",
        '<p class="note">Every commit is durable. Server and generator share the cores, so compare ratios within this report, and the server\'s '
        "processor time first. What each figure means and how to measure it again: docs/performance.md.</p>",
        machine_table(measured["machine"]), warnings_of(measured),
        section("Messages between pairs", "One message is its submission, the answer, the delivery and the receipt back at the sender. In the open loop "
                "latency counts from the moment at which the message was due.", loads, runs_table(measured["closed"] + measured["open"])),
        section("Other workloads and memory", "", [], figures_table(measured["others"] + measured["idle"])),
        section("By batch size", "Micro-benchmarks, in one process.", micros,
                "<details><summary>All micro-benchmarks</summary>" + table(("operation", "µs each", "processor µs of its thread"), micro_rows) + "</details>"),
    ]
    if growth:
        parts.append(section("As work grows", "Points of bench/grow.py. Dashed is the line that fits best. What each costs should stay level, and the whole grow in "
                             "proportion: on logarithmic axes as x^0 and x^1.", growth))
    document = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Parley: what it costs</title><style>{STYLE}</style>{"".join(parts)}</html>\n'
    return document, loads + micros + growth


def write(folder, measured, points):
    document, plots = page(measured, points)
    for name, one in plots:
        (folder / f"{name}.svg").write_text(plot.svg(one) + "\n", encoding="utf-8")
    (folder / "report.html").write_text(document, encoding="utf-8")
    return folder / "report.html"


def say(words):
    print(f"bench: {words}", file=sys.stderr, flush=True)


def measure(options):
    options.folder.mkdir(parents=True, exist_ok=True)
    measured = measures.measure(options.programs, options.folder, options.full, say)
    (options.folder / "measured.json").write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    if options.full:
        points = options.folder / "grow.jsonl"
        points.unlink(missing_ok=True)
        subprocess.run([HERE / "grow.py", "--folder", options.folder, "--output", points, options.programs], check=True)
    return measured


def main(arguments):
    parser = argparse.ArgumentParser(prog="report.py", description="Measures, and writes a report with plots.")
    parser.add_argument("programs", type=pathlib.Path, help="build/release/bin")
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("build/bench"), help="for the report, and for the stores: on a real disk")
    parser.add_argument("--full", action="store_true", help="measure longer, and as work grows")
    parser.add_argument("--points", type=pathlib.Path, nargs="*", default=[], metavar="FILE", help="of grow.py")
    parser.add_argument("--again", action="store_true", help="of what was measured the last time")
    options = parser.parse_args(arguments)
    options.programs = options.programs.resolve()
    try:
        measured = json.loads((options.folder / "measured.json").read_text(encoding="utf-8")) if options.again else measure(options)
        grown = options.folder / "grow.jsonl"
        print(write(options.folder, measured, read_points(options.points or ([grown] if grown.exists() else []))))
    except (plot.PlotError, measures.MeasureError, grow.Failed, subprocess.CalledProcessError, OSError) as error:
        print(f"report: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
