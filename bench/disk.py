#!/usr/bin/env python3
"""What the disk takes beside a run: appends 4 KiB and syncs, two hundred times a second, until the time is up or it is told to end.

A latency of a store is to be read against that of the disk under the same load; an idle disk is several times faster."""

import argparse
import os
import signal
import sys
import tempfile
import time

import measures

PAUSE = 0.005


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("folder", help="on the disk that is meant")
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args(arguments)
    ended = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
    took = []
    until = time.monotonic() + options.seconds
    with tempfile.NamedTemporaryFile(dir=options.folder) as file:
        while not ended and time.monotonic() < until:
            began = time.perf_counter()
            os.write(file.fileno(), b"x" * 4096)
            os.fdatasync(file.fileno())
            took.append((time.perf_counter() - began) * 1e6)
            time.sleep(PAUSE)
    p50, p90, p99 = (round(measures.quantile(took, share)) for share in (0.5, 0.9, 0.99))
    print(f"  fdatasync beside, in microseconds        {p50:>9}  {p90:>9}  {p99:>9}             {round(max(took)):>9}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
