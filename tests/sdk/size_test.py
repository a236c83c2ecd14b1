#!/usr/bin/env python3
"""What an app carries with it: the weight of libparley.so and of what is linked into no system, what it needs, what it shows.

usage: size_test.py LIBRARY MOST-BYTES (0: of a kind of build that nobody weighs)
"""

import pathlib
import re
import subprocess
import sys
import tempfile

# Counted as the SDK's own weight: no system has it for apps.
CARRIED = "libprotobuf-lite"
# What a system or the app has anyway. One more is a decision: docs/decisions.
NEEDED = {"libssl", "libcrypto", "libsqlite3", "libstdc++", "libgcc_s", "libm", "libc", "libpthread", "ld-linux-x86-64",
          "ld-linux-aarch64"}


def run(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def stripped_size(library):
    with tempfile.NamedTemporaryFile() as stripped:
        run("strip", "--strip-unneeded", "-o", stripped.name, str(library))
        return pathlib.Path(stripped.name).stat().st_size


def exported_names():
    headers = (pathlib.Path(__file__).parents[2] / "include/parley").glob("*.h")
    return {name for header in headers
            for name in re.findall(r"PARLEY_EXPORT\s+(?:[^;{(]*?\s)?(\w+)\s*[({]", header.read_text())}


def main():
    library, most = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    faults = []
    names = re.findall(r"\(NEEDED\).*\[(.*?)\]", run("readelf", "-dW", str(library)))
    strangers = [name for name in names if name.split(".so")[0] not in NEEDED | {CARRIED}]
    if strangers:
        faults.append(f"it needs {', '.join(strangers)}, which apps then have to bring: see cmake/ParleyInstall.cmake")
    public = "|".join(exported_names())
    for line in run("nm", "-DC", "--defined-only", str(library)).splitlines():
        name = line.split(maxsplit=2)[-1]
        if not re.match(rf"((vtable|typeinfo|typeinfo name) for )?parley::({public})\b", name):
            faults.append(f"it shows {name}, which include/parley does not mark PARLEY_EXPORT; see cmake/parley.map")
            break
    carried = re.search(rf"=> (\S*{CARRIED}\S*)", run("ldd", str(library)))
    sizes = {library.name: stripped_size(library)}
    if carried:
        sizes[pathlib.Path(carried[1]).name] = pathlib.Path(carried[1]).resolve().stat().st_size
    total = sum(sizes.values())
    print(" + ".join(f"{name} {size:,}" for name, size in sizes.items()), f"= {total:,} bytes stripped, at most {most:,}")
    if most and total > most:
        faults.append(f"it weighs {total:,} bytes, more than {most:,}; nm -SC --size-sort shows what is large")
    for fault in faults:
        print(f"size_test: {library}: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
