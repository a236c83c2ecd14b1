#!/usr/bin/env python3
"""Proves that layers.py can fail: runs it on a small tree with known sins and compares what it says."""

import os
import subprocess
import sys

TOOLS = os.path.dirname(os.path.abspath(__file__))
FIXTURE = os.path.join(TOOLS, "fixtures", "layers")

EXPECTED = """\
src/base/ids.cc:1: #include <mutex>: base may not use threads
src/base/ids.cc:3: #include "../io/loop.h": base -> io is not an arrow
src/base/ids.cc:5: _clock::now: base reaches the world through ports only
src/client/engine.cc:2: #include "server/node.h": client -> server is not an arrow
src/io/loop.cc:1: #include <openssl/sha.h>: io may not use crypto
9 files, 13 includes, 5 forbidden
"""


def main():
    check = [sys.executable, os.path.join(TOOLS, "layers.py"), FIXTURE, os.path.join(FIXTURE, "layers.txt")]
    run = subprocess.run(check, capture_output=True, text=True, check=False)
    if run.returncode != 1 or run.stdout != EXPECTED:
        print(f"expected exit code 1 and\n{EXPECTED}\ngot exit code {run.returncode} and\n{run.stdout}{run.stderr}")
        return 1
    print("layers.py finds every forbidden include of the fixture")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
