#!/usr/bin/env python3
"""What the disk takes beside a run: appends 4 KiB and syncs, two hundred times a second.

A latency of a store is to be read against that of the disk under the same load; an idle disk is several times faster. Counted from when
a sync was due, as parley-bench counts its messages: one that holds up others counts for all of them."""

import argparse
import os
import sys
import tempfile
import time

import measures

EVERY = 0.005


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("folder", help="on the disk that is meant")
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args(arguments)
    took = []
    due = time.perf_counter()
    until = due + options.seconds
    with tempfile.NamedTemporaryFile(dir=options.folder) as file:
        while due < until:
            time.sleep(max(0, due - time.perf_counter()))
            os.write(file.fileno(), b"x" * 4096)
            os.fdatasync(file.fileno())
            took.append((time.perf_counter() - due) * 1e6)
            due += EVERY
    p50, p90, p99 = (round(measures.quantile(took, share)) for share in (0.5, 0.9, 0.99))
    print(f"  fdatasync beside, in microseconds        {p50:>9}  {p90:>9}  {p99:>9}             {round(max(took)):>9}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
