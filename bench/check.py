#!/usr/bin/env python3
"""Holds instructions per operation and bytes per session against bench/baseline.json.

Fails, with a line for each, when an operation takes over 3 % more instructions or a session over 2 % more bytes than the baseline says.
Times are not compared. The figures belong to a compiler and to libraries: where these are others than the baseline's, it says
which, and what is worse is only a warning.

usage: check.py FOLDER-OF-PROGRAMS [--accept] [--only REGEX] [--baseline FILE]
"""

import argparse
import concurrent.futures
import json
import pathlib
import re
import sys

import connection_bytes
import count

BASELINE = pathlib.Path(__file__).resolve().parent / "baseline.json"
KINDS = {"instructions": 0.03, "bytes": 0.02}  # and how much more is allowed


class CheckError(Exception):
    """One line for the person who started it."""


def read_baseline(path):
    try:
        baseline = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise CheckError(f"bench-check: {path} is not JSON: {error}") from error
    for part in ("environment", *KINDS):
        if not isinstance(baseline.get(part), dict):
            raise CheckError(f"bench-check: {path} has no object '{part}'; make bench-check ACCEPT=1 writes a new one")
    return baseline


def fits(figures, only):
    return {name: figure for name, figure in figures.items() if re.search(only, name)}


def compare(baseline, measured, only=""):
    """(what is worse, what is better or new), as lines."""
    worse, better = [], []
    for kind, allowed in KINDS.items():
        before, now = fits(baseline[kind], only), fits(measured[kind], only)
        for name in sorted(before.keys() | now.keys()):
            if name not in now:
                worse.append(f"{name}: is in the baseline and was not measured")
            elif name not in before:
                better.append(f"new: {name}: {now[name]:,} {kind}, not in the baseline yet")
            else:
                change = now[name] / before[name] - 1
                line = f"{name}: {now[name]:,} {kind}, {before[name]:,} in the baseline: {100 * abs(change):.1f} %"
                if change > allowed:
                    worse.append(f"{line} more, {100 * allowed:.0f} % are allowed")
                elif change < -allowed:
                    better.append(f"better: {line} fewer")
    return worse, better


def differences(baseline, measured):
    before, now = baseline["environment"], measured["environment"]
    return [f"{name}: {now.get(name, 'nothing')} here, {before.get(name, 'nothing')} in the baseline"
            for name in sorted(before.keys() | now.keys()) if before.get(name) != now.get(name)]


def measure(programs, only):
    with concurrent.futures.ThreadPoolExecutor(1) as beside:
        # The two do not disturb each other: neither measures time.
        sizes = beside.submit(connection_bytes.measure_all, programs, only)
        counted = count.count(programs, only)
        return {"environment": count.environment(programs), "instructions": counted, "bytes": sizes.result()}


def accept(path, baseline, measured, only):
    """Writes the baseline; of one part of it, what does not fit `only` stays."""
    if only and baseline and (elsewhere := differences(baseline, measured)):
        raise CheckError(f"bench-check: what does not fit '{only}' would stay, and was measured elsewhere ({elsewhere[0]}): accept all of it")
    for kind in KINDS:
        kept = {name: figure for name, figure in baseline[kind].items() if not re.search(only, name)} if baseline and only else {}
        measured[kind] = dict(sorted({**kept, **measured[kind]}.items()))
    path.write_text(json.dumps(measured, indent=2) + "\n", encoding="utf-8")


def judge(baseline, measured, only, say):
    """True: nothing is worse, or it cannot be told here."""
    elsewhere = differences(baseline, measured)
    worse, better = compare(baseline, measured, only)
    for line in better:
        say(line)
    for line in elsewhere:
        say(f"warning: not what the baseline was measured with: {line}")
    for line in worse:
        say(f"{'warning' if elsewhere else 'regression'}: {line}")
    if worse or better:
        say("make bench-check ACCEPT=1 makes these figures the baseline; the commit says why")
    if not worse:
        say("bench-check: nothing is worse than the baseline")
    return not worse or bool(elsewhere)


def main(arguments):
    parser = argparse.ArgumentParser(prog="check.py", description="Instructions and bytes against the baseline.")
    parser.add_argument("programs", type=pathlib.Path, help="build/release/bin")
    parser.add_argument("--accept", action="store_true", help="write the baseline")
    parser.add_argument("--only", default="", metavar="REGEX", help="operations whose names fit")
    parser.add_argument("--baseline", type=pathlib.Path, default=BASELINE, metavar="FILE")
    options = parser.parse_args(arguments)
    try:
        baseline = read_baseline(options.baseline)
        if baseline is None and not options.accept:
            raise CheckError(f"bench-check: there is no {options.baseline}; make bench-check ACCEPT=1 writes it")
        measured = measure(options.programs, options.only)
        if options.accept:
            accept(options.baseline, baseline, measured, options.only)
            print(f"bench-check: {options.baseline} is written")
            return 0
        return 0 if judge(baseline, measured, options.only, print) else 1
    except (CheckError, count.CountError, connection_bytes.MeasureError) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
