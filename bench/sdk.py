#!/usr/bin/env python3
"""What the SDK costs: starts a server of its own on a fresh store, runs sdk_bench against it, and prints a table.

usage: sdk.py FOLDER-OF-PROGRAMS [send talk catch-up start idle size ...]

Environment: MESSAGES=100000 in the large stores, SECONDS_IDLE=65 to count wake-ups, FOLDER where the local stores are
(a file system of a real disk: the syncs are what is measured), LIBRARY to be weighed.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

MESSAGES = os.environ.get("MESSAGES", "100000")
SECONDS_IDLE = os.environ.get("SECONDS_IDLE", "65")
ALL = ["send", "talk", "catch-up", "start", "idle", "size"]


class Machine:
    def __init__(self, programs, folder):
        self.programs = pathlib.Path(programs)
        self.folder = pathlib.Path(folder)
        open_settings = {"RATE_PER_SECOND": "0", "QUOTA_PENDING_BYTES": "0", "QUOTA_RETAINED_BYTES": "0"}
        self.server = subprocess.Popen(
            [self.programs / "parleyd", "--data", self.folder / "data", "--listen", "127.0.0.1:0", "--log-level", "warn"],
            stdout=subprocess.PIPE, text=True,
            env=dict(os.environ, **{f"PARLEY_LIMITS_{name}": value for name, value in open_settings.items()}))
        for line in self.server.stdout:
            if line.startswith("parleyd ready on "):
                self.address = "ws://" + line.split()[-1]
                break
        else:
            sys.exit("sdk.py: the server did not start; what it said stands above")
        self.application = json.loads((self.folder / "data/application.json").read_text())

    def begin(self, command, **options):
        """Starts sdk_bench; an option text_like_this is --text-like-this."""
        options = {"server": self.address, "key": self.application["applicationKey"],
                   "secret": self.application["applicationSecret"], **options}
        words = [str(word) for name, value in options.items() for word in ("--" + name.replace("_", "-"), value)]
        return subprocess.Popen([self.programs / "sdk_bench", command, *words], stdout=subprocess.PIPE, text=True)

    def end(self, process, show=True):
        output, _ = process.communicate()
        if process.returncode != 0:
            sys.exit(f"sdk.py: sdk_bench ended with {process.returncode}")
        for line in output.splitlines():
            if show:
                show_line(json.loads(line))

    def run(self, command, show=True, **options):
        self.end(self.begin(command, **options), show)

    def store(self, name):
        return self.folder / "stores" / name

    def enroll(self, user):
        self.run("enroll", user=user, folder=self.store(f"{user}-first"))

    def close(self):
        self.server.terminate()
        self.server.wait()


def show_line(found):
    print(found.pop("what"))
    for name, value in found.items():
        print(f"    {name:32} {value:>14,.{0 if value >= 1000 else 3}f}", flush=True)


def send(machine):
    machine.enroll("bob")
    machine.run("send", user="alice", folder=machine.store("send-offline"), to="bob", count=1000, online="no")
    machine.run("send", user="alice", folder=machine.store("send-online"), to="bob", count=1000, online="yes")


def talk(machine):
    options = {"count": 100, "pause_ms": 100}
    machine.enroll("carol")
    listener = machine.begin("listen", user="carol", folder=machine.store("carol-first"), **options)
    machine.run("talk", user="alice", folder=machine.store("talk"), to="carol", **options)
    machine.end(listener)


def catch_up(machine):
    machine.enroll("dave")
    machine.run("fill", user="alice", folder=machine.store("filler"), to="dave", count=MESSAGES, online="yes")
    # Of 100 bytes of text each, so this is some way before their end.
    machine.run("catch-up", user="dave", folder=machine.store("dave"), count=MESSAGES, inbox_bytes=200 * int(MESSAGES))


def start(machine):
    if not machine.store("filler").exists():
        catch_up(machine)
    print("start, messages that were sent:", MESSAGES)
    machine.run("start", user="alice", folder=machine.store("filler"), to="dave")
    machine.run("fill", user="erin", folder=machine.store("waiting"), to="dave", count=MESSAGES, online="no")
    print("start, messages that wait in the outbox:", MESSAGES)
    machine.run("start", user="erin", folder=machine.store("waiting"), to="dave")


def idle(machine):
    machine.run("idle", folder=machine.store("idle"), count=100, seconds=SECONDS_IDLE)


def size(machine):
    library = pathlib.Path(os.environ.get("LIBRARY", machine.programs.parent / "src/sdk/libparley.so")).resolve()
    stripped = machine.folder / "libparley.so"
    subprocess.run(["strip", "--strip-unneeded", "-o", stripped, library], check=True)
    print("size of files, stripped, bytes")
    print(f"    {'libparley.so':32} {stripped.stat().st_size:>14,}")
    needed = subprocess.run(["ldd", stripped], check=True, capture_output=True, text=True).stdout
    for line in needed.splitlines():
        if "=> /" in line:
            name, path = line.split()[0], line.split()[2]
            print(f"    {name:32} {pathlib.Path(path).resolve().stat().st_size:>14,}")


def main():
    if len(sys.argv) < 2 or any(name not in ALL for name in sys.argv[2:]):
        sys.exit(__doc__)
    folder = tempfile.mkdtemp(prefix="parley-sdk-bench-", dir=os.environ.get("FOLDER"))
    machine = Machine(sys.argv[1], folder)
    try:
        for name in sys.argv[2:] or ALL:
            globals()[name.replace("-", "_")](machine)
    finally:
        machine.close()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
