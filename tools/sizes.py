#!/usr/bin/env python3
"""Fails when a source file is longer than 1,000 lines and warns above 500 (STYLE.md).

usage: sizes.py [ROOT]
"""

import os
import sys

SUFFIXES = (".h", ".cc", ".m", ".mm", ".ts", ".tsx", ".js", ".py", ".sh", ".cmake", ".proto")
SKIPPED = {"build", "node_modules", ".git", "prefix", "dist", "vectors", "golden", "corpus"}
ERROR, WARNING = 1000, 500


def main(arguments):
    root = arguments[0] if arguments else os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    files, errors, warnings = 0, [], []
    for where, folders, names in os.walk(root):
        folders[:] = sorted(f for f in folders if f not in SKIPPED)
        for name in sorted(names):
            if not name.endswith(SUFFIXES):
                continue
            path = os.path.join(where, name)
            with open(path, "rb") as content:
                lines = content.read().count(b"\n")
            files += 1
            if lines > WARNING:
                kind = errors if lines > ERROR else warnings
                kind.append(f"{os.path.relpath(path, root)}: {lines} lines")
    for text in warnings:
        print(f"warning: {text}; {WARNING} is the aim")
    for text in errors:
        print(f"error: {text}; {ERROR} is the limit")
    print(f"{files} files, {len(errors)} too long, {len(warnings)} long")
    return 1 if errors else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
