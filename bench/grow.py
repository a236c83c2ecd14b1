#!/usr/bin/env python3
"""How cost grows as work grows: more sessions, mailboxes, events in a mailbox, recipients, bytes in the store, threads.

usage: grow.py [--seconds N] [--large] [--most X] [--quick] [--folder DIR] [--output FILE] FOLDER-OF-PROGRAMS [SERIES ...]

Each series starts servers of its own on fresh stores, with rates and quotas off and every commit durable. A point is one
JSON object a line, {"series": "sessions", "x": 1000, "y": {"server_bytes_per_connection": 1234.0}}, on standard output or
appended to --output; README.md says what the names mean. What goes on is told on standard error.

--large adds 10 million mailboxes and stores of 10 and 20 GB; --most leaves out what is larger; --quick takes sizes that only show that the recipes work.
--folder is where the stores are made (default: the system's folder for temporary files): a real disk, since its syncs are
part of what is measured.
"""

import argparse
import contextlib
import json
import os
import pathlib
import resource
import signal
import subprocess
import sys
import tempfile
import time

# The server keeps back 1,024 descriptors for other than connections, and a sixteenth of the rest for those without a session.
def most_sessions():
    return (resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 1024) * 15 // 16 - 100


# Submissions under way per sender, where the store shall be kept busy. There are eight senders.
BUSY = 128
APPENDS = 2000
GIGABYTE = 10**9


class Failed(Exception):
    pass


class Server:
    """A parleyd on a data folder that outlives it."""

    def __init__(self, programs, folder, *options):
        self.programs = programs
        self.data = folder / "data"
        self.options = options
        self.process = None

    def __enter__(self):
        self.start_ms = self.start()
        return self

    def __exit__(self, *_):
        self.end(signal.SIGTERM)

    def start(self):
        """Starts it; returns the milliseconds until it was ready."""
        off = {"RATE_PER_SECOND": "0", "QUOTA_PENDING_BYTES": "0", "QUOTA_RETAINED_BYTES": "0"}
        began = time.monotonic()
        self.process = subprocess.Popen(
            [self.programs / "parleyd", "--data", self.data, "--listen", "127.0.0.1:0", "--log-level", "warn", *self.options],
            stdout=subprocess.PIPE, text=True, env=os.environ | {f"PARLEY_LIMITS_{name}": value for name, value in off.items()})
        for line in self.process.stdout:
            if line.startswith("parleyd ready on "):
                self.url = "ws://" + line.split()[-1]
                return (time.monotonic() - began) * 1000
        raise Failed("the server did not start; what it said stands above")

    def end(self, how):
        if self.process:
            self.process.send_signal(how)
            self.process.wait()
            self.process.stdout.close()
            self.process = None

    def restart(self, how=signal.SIGTERM):
        self.end(how)
        return self.start()

    def bytes_on_disk(self):
        total = 0
        for folder, _, names in os.walk(self.data):
            for name in names:
                with contextlib.suppress(FileNotFoundError):  # the store deletes what it has merged
                    total += os.stat(os.path.join(folder, name)).st_size
        return total

    def resident_bytes(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) * 1024

    def load(self, workload, *options):
        """Runs parley-bench; returns its report."""
        done = subprocess.run(
            [self.programs / "parley-bench", workload, "--server", self.url, "--app", self.data / "application.json",
             "--server-pid", str(self.process.pid), "--json", *map(str, options)], stdout=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise Failed(f"parley-bench {workload} ended with {done.returncode}; what it said stands above")
        return Report(json.loads(done.stdout))


class Report:
    def __init__(self, answer):
        self.answer = answer

    def figure(self, name):
        return self.answer["figures"][name]["value"]

    def cpu_us(self, prefix=""):
        """The server's CPU time for one message, in microseconds."""
        return self.figure(prefix + "server CPU per 1,000 messages")  # milliseconds for a thousand

    def latency(self, name, share):
        return self.answer["latency_us"][name][share]


class Recipes:
    def __init__(self, settings, emit):
        self.settings = settings
        self.emit = emit
        self.series = ""

    def sizes(self, usual, large=(), quick=()):
        if self.settings.quick:
            return list(quick)
        return [x for x in (*usual, *(large if self.settings.large else ())) if x <= self.settings.most]

    @contextlib.contextmanager
    def fresh(self, *options):
        with tempfile.TemporaryDirectory(prefix="parley-grow-", dir=self.settings.folder) as folder:
            with Server(self.settings.programs, pathlib.Path(folder), *options) as server:
                yield server

    def point(self, x, y):
        self.emit({"series": self.series, "x": x, "y": y})

    def append_latencies(self, server, users, run):
        """Latencies of messages, eight at a time, to mailboxes that an earlier run of this name has filled."""
        report = server.load("offline", "--users", users, "--messages", APPENDS if not self.settings.quick else 100,
                             "--outstanding", 1, "--run", run, "--no-enrol", "--no-drain")
        return {"append_p50_us": report.latency("stored", "p50"), "append_p99_us": report.latency("stored", "p99")}

    def sessions(self):
        most = most_sessions()
        usual = [x for x in (1000, 2000, 5000, 10_000, 20_000, 50_000) if x < most] + [min(most, 100_000)]
        for x in self.sizes(usual, quick=(50, 100)):
            with self.fresh() as server:
                known = ("--connections", x, "--run", "grow")
                server.load("idle", *known, "--seconds", 0.1)  # from now on all users and devices are known
                server.restart()
                idle = server.load("idle", *known, "--seconds", self.settings.seconds)
                busy = server.load("pairs", "--pairs", x // 2, "--rate", 1000, "--seconds", self.settings.seconds)
                self.point(x, {
                    "server_bytes_per_connection": idle.figure("server memory per connection (PSS)") * 1024,
                    "server_resident_bytes": idle.figure("server resident memory") * 1024,
                    "idle_cpu_share": idle.figure("server CPU share"),
                    "connections_per_s": idle.figure("connected"),
                    "cpu_us_per_connection": idle.figure("server CPU per connection made"),
                    "cpu_us_per_message": busy.cpu_us(),
                    "sent_p50_us": busy.latency("sent", "p50"),
                    "sent_p99_us": busy.latency("sent", "p99"),
                })

    def mailboxes(self):
        for x in self.sizes((1000, 10_000, 100_000, 1_000_000), large=(10_000_000,), quick=(100, 1000)):
            with self.fresh("--unknown-recipients", "hold") as server:
                stored = server.load("offline", "--users", x, "--messages", x, "--outstanding", BUSY, "--run", "grow",
                                     "--no-enrol", "--no-drain")
                y = {"stored_per_s": stored.figure("stored"), "cpu_us_per_message": stored.cpu_us("store: "),
                     "store_bytes": server.bytes_on_disk(), "server_resident_bytes": server.resident_bytes()}
                y["start_ms"] = server.restart()
                self.point(x, y | self.append_latencies(server, x, "grow"))

    def length(self):
        for x in self.sizes((1000, 10_000, 100_000, 1_000_000), quick=(500, 1000)):
            with self.fresh() as server:
                report = server.load("offline", "--users", 1, "--messages", x, "--outstanding", BUSY, "--run", "grow", "--resync")
                y = {"stored_per_s": report.figure("stored"), "cpu_us_per_message": report.cpu_us("store: "),
                     "drained_events_per_s": report.figure("drained"), "drain_cpu_us_per_event": report.cpu_us(),
                     "resync_events_per_s": report.figure("resynced"), "resync_cpu_us_per_event": report.cpu_us("resync: "),
                     "server_resident_bytes": server.resident_bytes()}
                self.point(x, y | self.append_latencies(server, 1, "grow"))

    def recipients(self):
        for x in self.sizes((1, 2, 5, 10, 20, 50, 100, 200, 500, 1000), quick=(1, 10)):
            with self.fresh() as server:
                report = server.load("fanout", "--recipients", x, "--outstanding", max(1, 400 // x),
                                     "--seconds", self.settings.seconds)
                self.point(x, {
                    "deliveries_per_s": report.figure("deliveries"),
                    "cpu_us_per_delivery": report.cpu_us(),
                    "cpu_us_per_message": report.cpu_us() * x,
                    "sent_p50_us": report.latency("sent", "p50"),
                    "sent_p99_us": report.latency("sent", "p99"),
                    "delivered_p99_us": report.latency("delivered", "p99"),
                })

    def store(self):
        users = 1000
        per_gigabyte = 500_000  # messages, a little below what it takes: the last ones are added in small steps
        with self.fresh("--unknown-recipients", "hold") as server:
            for x in self.sizes((1, 2, 3, 4, 5), large=(10, 20), quick=(0.002, 0.004)):
                messages = seconds = cpu = 0
                while (missing := x * GIGABYTE - server.bytes_on_disk()) > 0 or not messages:
                    count = max(int(missing / GIGABYTE * per_gigabyte), 100 if self.settings.quick else 20_000)
                    stored = server.load("offline", "--users", users, "--messages", count, "--outstanding", BUSY,
                                         "--text-bytes", 1000, "--run", "grow", "--no-enrol", "--no-drain")
                    messages += count
                    seconds += count / stored.figure("stored")
                    cpu += count * stored.cpu_us("store: ")
                y = {"store_bytes": server.bytes_on_disk(), "stored_per_s": messages / seconds, "cpu_us_per_message": cpu / messages}
                y["start_ms"] = server.restart()
                y |= self.append_latencies(server, users, "grow")
                y["start_after_kill_ms"] = server.restart(signal.SIGKILL)
                y["server_resident_bytes"] = server.resident_bytes()
                self.point(x, y)

    def threads(self):
        for x in (1, 2):
            with self.fresh("--threads", str(x)) as server:
                pairs = ("--pairs", 100, "--seconds", self.settings.seconds)
                one = server.load("pairs", *pairs, "--outstanding", 1)
                many = server.load("pairs", *pairs, "--outstanding", 16)
                self.point(x, {
                    "cpu_us_per_message_1_outstanding": one.cpu_us(),
                    "messages_per_s_1_outstanding": one.figure("messages receipted"),
                    "cpu_us_per_message": many.cpu_us(),
                    "messages_per_s": many.figure("messages receipted"),
                })


SERIES = ("sessions", "mailboxes", "length", "recipients", "store", "threads")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", type=pathlib.Path, help="the folder with parleyd and parley-bench")
    parser.add_argument("series", nargs="*", help=f"of {', '.join(SERIES)} (default: all)")
    parser.add_argument("--seconds", type=float, default=5, help="of each measurement that has a time")
    parser.add_argument("--large", action="store_true", help="10 million mailboxes, 20 GB")
    parser.add_argument("--most", type=float, default=float("inf"), help="no point beyond this size")
    parser.add_argument("--quick", action="store_true", help="sizes that only show that the recipes work")
    parser.add_argument("--folder", type=pathlib.Path, help="where the stores are made")
    parser.add_argument("--output", type=pathlib.Path, help="append the points to this file")
    settings = parser.parse_args()
    for name in settings.series:
        if name not in SERIES:
            parser.error(f"there is no series '{name}'; there are {', '.join(SERIES)}")
    for name in ("parleyd", "parley-bench"):
        if not (settings.programs / name).is_file():
            parser.error(f"there is no {name} in {settings.programs}")
    if settings.quick:
        settings.seconds = min(settings.seconds, 0.3)
    return settings


def main():
    settings = parse_arguments()
    settings.programs = settings.programs.resolve()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # for the programs too
    output = open(settings.output, "a", encoding="utf-8") if settings.output else sys.stdout

    def emit(point):
        print(json.dumps(point), file=output, flush=True)
        print(f"grow.py: {point['series']} {point['x']}", file=sys.stderr, flush=True)

    recipes = Recipes(settings, emit)
    failed = False
    for name in settings.series or SERIES:
        recipes.series = name
        try:
            getattr(recipes, name)()
        except Failed as why:
            print(f"grow.py: {name}: {why}", file=sys.stderr)
            failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
