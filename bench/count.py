#!/usr/bin/env python3
"""Instructions per operation: runs the programs of bench/ under callgrind.

Only what an operation does is counted: callgrind counts inside of parley_counted() (counted.h), which is called with two numbers
of calls, after some that are not counted; the difference is divided. The figure is of one item (a message, an event, a frame). It
is the same from run to run, on a busy machine too; it depends on compiler, flags and libraries, which are noted with it.

usage: count.py FOLDER-OF-PROGRAMS [--only REGEX] [--json FILE] [--top N]
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import callgrind

PROGRAMS = ("codec_bench", "frames_bench", "session_bench", "node_bench", "store_bench", "outbox_bench")
# What runs inside of an operation or a server and is not ours.
PACKAGES = ("libc6", "libstdc++6", "libprotobuf32", "libssl3", "libsqlite3-0", "libfmt9", "libjemalloc2", "valgrind")


class CountError(Exception):
    """One line for the person who started it."""


def environment(programs):
    """What the counts depend on besides the sources."""
    comment = subprocess.run(["readelf", "-p", ".comment", str(programs / PROGRAMS[0])], capture_output=True, text=True, check=False)
    compilers = sorted(line for line in set(re.findall(r"\]\s+(\S.*)", comment.stdout)) if not line.startswith("Linker"))
    found = {"compiler": "; ".join(compilers) or "unknown", "flags": flags_of(programs)}
    query = ["dpkg-query", "-W", "-f", "${Package} ${Version}\n", *PACKAGES]
    versions = subprocess.run(query, capture_output=True, text=True, check=False).stdout if shutil.which("dpkg-query") else ""
    known = dict(line.split(" ", 1) for line in versions.splitlines())
    found.update({package: known.get(package, "unknown") for package in PACKAGES})
    # The C library chooses its copying loops by these.
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as cpus:
        words = set(next((line for line in cpus if line.startswith("flags")), "").split())
    found["cpu"] = " ".join([os.uname().machine, *(word for word in ("avx2", "erms") if word in words)])
    return found


def flags_of(programs):
    try:
        cache = (programs.parent / "CMakeCache.txt").read_text(encoding="utf-8")
    except OSError:
        return "unknown"
    values = dict(re.findall(r"^(\w+):\w+=(.*)$", cache, re.MULTILINE))
    kind = values.get("CMAKE_BUILD_TYPE", "")
    return " ".join(f"{values.get('CMAKE_CXX_FLAGS', '')} {values.get('CMAKE_CXX_FLAGS_' + kind.upper(), '')}".split())


def parse_list(output):
    """The lines that a program prints with --count: name, items, first and second number of calls, process."""
    operations = []
    for line in output.splitlines():
        fields = line.split("\t")
        if len(fields) != 5:
            raise CountError(f"count: a line of --count has not five fields: {line!r}")
        operations.append((fields[0], *map(int, fields[1:])))
    return operations


def profile_of(dump):
    try:
        return callgrind.read_profile(dump)
    except OSError as error:
        raise CountError(f"count: callgrind wrote no {dump}: {error.strerror}") from error
    except callgrind.FormatError as error:
        raise CountError(f"count: {error}") from error


def per_item(few, many, items, few_calls, many_calls):
    if many <= few:
        raise CountError(f"count: {many_calls} calls took {many} instructions and {few_calls} took {few}: nothing was counted")
    return (many - few) / (many_calls - few_calls) / items


def count_program(program, only, folder):
    """[(name, instructions per item, the second numbers' profile, items in it)]"""
    out = folder / program.name
    command = ["valgrind", "--quiet", "--tool=callgrind", "--collect-atstart=no", "--toggle-collect=parley_counted",
               "--dump-after=parley_counted", f"--callgrind-out-file={out}.%p", str(program), "--count", only]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        raise CountError(f"count: {program.name} under callgrind ended with {ran.returncode}: {ran.stderr.strip()[-500:]}")
    counted = []
    for name, items, few_calls, many_calls, process in parse_list(ran.stdout):
        few, many = (profile_of(f"{out}.{process}.{part}") for part in (1, 2))
        counted.append((name, per_item(few.total, many.total, items, few_calls, many_calls), many, items * many_calls))
    return counted


def top_functions(profile, items, most):
    """Lines: what the most costly functions take of an item, by themselves and with what they call."""
    lines = []
    for title, costs in (("by itself", profile.own), ("with what it calls", profile.whole)):
        # Those above parley_counted() are in every call.
        below = {name: cost for name, cost in costs.items() if cost < 0.98 * profile.total}
        for name, cost in profile.top(below, most):
            lines.append(f"{cost / items:>12,.0f} {100 * cost / profile.total:5.1f} %  {title}: {name[:150]}")
    return lines


def count(programs, only="", top=0, show=None):
    """{name: instructions per item}; `show` is called with each name, figure and list of functions."""
    if not shutil.which("valgrind"):
        raise CountError("count: valgrind is not installed: run `make packages-bench`, or install the package valgrind")
    for name in PROGRAMS:
        if not (programs / name).exists():
            raise CountError(f"count: there is no {programs / name}: build the target parley_benchmarks")
    counted = {}
    with tempfile.TemporaryDirectory(prefix="parley-count-") as folder, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for found in pool.map(lambda name: count_program(programs / name, only, pathlib.Path(folder)), PROGRAMS):
            for operation, figure, profile, items in found:
                counted[operation] = round(figure, 1)
                if show:
                    show(operation, figure, top_functions(profile, items, top) if top else [])
    return counted


def show_line(name, figure, functions):
    print(f"{figure:>14,.1f}  {name}", flush=True)
    for line in functions:
        print(f"{'':16}{line}")


def main(arguments):
    parser = argparse.ArgumentParser(prog="count.py", description="Instructions per operation, by callgrind.")
    parser.add_argument("programs", type=pathlib.Path, help="build/release/bin")
    parser.add_argument("--only", default="", metavar="REGEX", help="operations whose names fit")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write the figures there as well")
    parser.add_argument("--top", type=int, default=0, metavar="N", help="the N most costly functions of each, by themselves and with what they call")
    options = parser.parse_args(arguments)
    try:
        print("  instructions  operation")
        counted = count(options.programs, options.only, options.top, show_line)
        if not counted:
            raise CountError(f"count: no operation's name fits '{options.only}'")
        if options.json:
            text = json.dumps({"environment": environment(options.programs), "instructions": counted}, indent=2)
            options.json.write_text(text + "\n", encoding="utf-8")
    except CountError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
