#!/usr/bin/env python3
"""What the disk takes, beside a run or by itself: appends and syncs at a steady rate.

A latency of a store is to be read against that of the disk under the same load; an idle disk is several times faster. Counted from when
a sync was due, as parley-bench counts its messages: one that holds up others counts for all of them. Each append makes the file longer,
so that the disk is waited for twice where the store, whose log is prepared, waits once."""

import argparse
import os
import sys
import tempfile
import time

import measures


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("folder", help="on the disk that is meant")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rate", type=float, default=200, help="syncs per second [200]")
    parser.add_argument("--bytes", type=int, default=4096, help="appended for each [4096]")
    options = parser.parse_args(arguments)
    took = []
    due = time.perf_counter()
    until = due + options.seconds
    with tempfile.NamedTemporaryFile(dir=options.folder) as file:
        while due < until:
            time.sleep(max(0, due - time.perf_counter()))
            if time.perf_counter() > until:  # it did not keep up: these wait still
                took.append((time.perf_counter() - due) * 1e6)
                due += 1 / options.rate
                continue
            os.write(file.fileno(), b"x" * options.bytes)
            os.fdatasync(file.fileno())
            took.append((time.perf_counter() - due) * 1e6)
            due += 1 / options.rate
    p50, p90, p99 = (round(measures.quantile(took, share)) for share in (0.5, 0.9, 0.99))
    what = f"fdatasync of {options.bytes} bytes, {options.rate:g}/s"
    print(f"  {what:<39}  {p50:>9}  {p90:>9}  {p99:>9}             {round(max(took)):>9}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
