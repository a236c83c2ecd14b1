"""What the report shows, measured: the machine, the micro-benchmarks, the workloads of parley-bench. Plain values, fit for JSON."""

import contextlib
import json
import os
import pathlib
import platform
import re
import subprocess
import tempfile
import time

import grow

MICRO = ("codec_bench", "frames_bench", "session_bench", "node_bench", "store_bench", "outbox_bench")
# Rates of the open loop; the series ends where the server does not keep up.
RATES = (200, 500, 1000, 2000, 5000, 10_000, 20_000, 30_000, 40_000)
OUTSTANDING = (1, 4, 16, 64)
CONNECTIONS = (250, 1000, 2500, 5000)


class MeasureError(Exception):
    """One line for the person who started it."""


def quantile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def sync_latencies(folder, size, count):
    """Milliseconds of an append of this many bytes and its fdatasync."""
    took = []
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        for _ in range(count):
            began = time.perf_counter()
            os.write(file.fileno(), b"x" * size)
            os.fdatasync(file.fileno())
            took.append((time.perf_counter() - began) * 1000)
    return took


def first_match(path, pattern):
    with contextlib.suppress(OSError):
        if found := re.search(pattern, pathlib.Path(path).read_text(encoding="utf-8", errors="replace"), re.MULTILINE):
            return found[1]
    return "unknown"


def machine(programs, folder):
    """What figures must be read with."""
    syncs = {size: sync_latencies(folder, size, 400) for size in (4096, 65536)}
    version = subprocess.run([programs / "parleyd", "--version"], capture_output=True, text=True, check=False).stdout.strip()
    kind = subprocess.run(["findmnt", "--noheadings", "--output", "FSTYPE", "--target", folder], capture_output=True, text=True, check=False).stdout.strip()
    return {
        "measured": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "server": version or "unknown",
        "cores": os.cpu_count(),
        "processor": first_match("/proc/cpuinfo", r"^model name\s*: (.*)$"),
        "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
        "kernel": platform.release(),
        "system": first_match("/etc/os-release", r'^PRETTY_NAME="?([^"\n]*)'),
        "file_system": kind or "unknown",
        "load_before": round(os.getloadavg()[0], 1),
        "fdatasync_ms": {str(size): {"p50": round(quantile(took, 0.5), 3), "p99": round(quantile(took, 0.99), 3)} for size, took in syncs.items()},
    }


def parse_micro(text):
    """[{name, microseconds, cpu_microseconds of one item}] of what Google Benchmark writes as JSON."""
    found = []
    for run in json.loads(text)["benchmarks"]:
        if run.get("error_occurred"):
            raise MeasureError(f"report: the benchmark {run['name']} failed: {run.get('error_message')}")
        unit = {"ns": 1e-3, "us": 1, "ms": 1e3, "s": 1e6}[run["time_unit"]]
        items = run["items_per_second"] * run["real_time"] * unit / 1e6
        found.append({"name": run["name"].removesuffix("/real_time"), "us": run["real_time"] * unit / items,
                      "cpu_us": run["cpu_time"] * unit / items})
    return found


def micro(programs, seconds, say):
    found = []
    for name in MICRO:
        say(f"micro-benchmarks: {name}")
        ran = subprocess.run([programs / name, "--benchmark_format=json", f"--benchmark_min_time={seconds}"], capture_output=True,
                             text=True, check=False)
        if ran.returncode != 0:
            raise MeasureError(f"report: {name} ended with {ran.returncode}: {ran.stderr.strip()[-300:]}")
        found += parse_micro(ran.stdout)
    return found


def run_of(name, report):
    """What of a report of parley-bench is kept."""
    answer = report.answer
    return {"name": name, "figures": {key: figure["value"] for key, figure in answer["figures"].items()},
            "units": {key: figure["unit"] for key, figure in answer["figures"].items()}, "latency_us": answer.get("latency_us", {}),
            "warnings": answer.get("warnings", [])}


class Workloads:
    """Each run against a server of its own, on a fresh store with durable commits, rates and quotas off."""

    def __init__(self, programs, folder, seconds, say):
        self.programs, self.folder, self.seconds, self.say = programs, folder, seconds, say

    @contextlib.contextmanager
    def server(self, *options):
        with tempfile.TemporaryDirectory(prefix="parley-report-", dir=self.folder) as folder:
            with grow.Server(self.programs, pathlib.Path(folder), *options) as server:
                yield server

    def load(self, server, name, workload, *options):
        self.say(f"workload: {name}")
        return run_of(name, server.load(workload, *options))

    def closed(self):
        for window in OUTSTANDING:
            with self.server() as server:
                run = self.load(server, f"pairs, {window} outstanding", "pairs", "--pairs", 100, "--outstanding", window, "--seconds", self.seconds)
                yield {"x": window, **run}

    def open(self):
        """Ends after the first rate that was not kept."""
        with self.server() as server:
            for rate in RATES:
                run = self.load(server, f"pairs, {rate:,} messages/s", "pairs", "--pairs", 100, "--rate", rate, "--seconds", self.seconds)
                yield {"x": rate, **run}
                if run["figures"]["messages receipted"] < 0.95 * rate:
                    return

    def idle(self):
        most = max(CONNECTIONS)
        with self.server() as server:
            server.load("idle", "-N", most, "--run", "idle", "--seconds", 0.1)  # from now on all are known
            for connections in CONNECTIONS:
                server.restart()
                run = self.load(server, f"idle, {connections:,} connections", "idle", "-N", connections, "--run", "idle", "--seconds", 1)
                yield {"x": connections, **run}

    def others(self, scale):
        for name, *words in (("offline", "--users", 1000, "--messages", 20_000 * scale, "--outstanding", 64),
                             ("fanout", "--recipients", 100, "--outstanding", 8, "--seconds", self.seconds),
                             ("storm", "--devices", 1000 * scale, "--events", 3)):
            with self.server() as server:
                yield self.load(server, f"{name} {' '.join(str(word).lstrip('-') for word in words)}", name, *words)


def measure(programs, folder, full, say):
    """All of it."""
    seconds = 20 if full else 4
    workloads = Workloads(programs, folder, seconds, say)
    say("the machine and its disk")
    return {
        "machine": machine(programs, folder),
        "micro": micro(programs, 0.5 if full else 0.05, say),
        "closed": list(workloads.closed()),
        "open": list(workloads.open()),
        "idle": list(workloads.idle()),
        "others": list(workloads.others(5 if full else 1)),
    }
