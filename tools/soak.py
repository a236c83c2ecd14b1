#!/usr/bin/env python3
"""Runs the programs of a build under load for a while: what a sanitizer finds, or a promise that breaks, ends it with 1.

usage: soak.py FOLDER-OF-PROGRAMS SECONDS

A server with TLS carries the workloads of parley-bench in turn, and a conversation of the SDK whose two ends are
interrupted and started again; meanwhile it is reloaded, backed up and administered, and its metrics are read. At the
end the conversation is whole, once and in order (R1, R7, R8), the backup verifies, and every program ended as it should.
"""

import itertools
import json
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time

WORKLOADS = (("pairs", "-P", "20", "-W", "8"), ("offline", "-U", "50", "-N", "5000"), ("fanout", "-R", "50"),
             ("storm", "-N", "300"), ("idle", "-N", "200"),
             ("pairs", "-P", "200", "-W", "1", "--rate", "300"))


class Failed(Exception):
    pass


class Soak:
    def __init__(self, programs, seconds):
        self.programs = pathlib.Path(programs).resolve()
        self.end = time.monotonic() + seconds
        self.temporary = tempfile.TemporaryDirectory(prefix="parley-soak-")
        self.folder = pathlib.Path(self.temporary.name)
        self.data = self.folder / "data"
        self.noise = random.Random(7)
        self.failures = []
        self.fed = 0
        self.heard = []

    def fail(self, text):
        print(f"soak: {text}", flush=True)
        self.failures.append(text)

    def run(self, name, *arguments, expected=(0,), **options):
        """Runs a program to its end; a sanitizer's report or another code is a failure."""
        done = subprocess.run([self.programs / name, *map(str, arguments)], capture_output=True, text=True,
                              timeout=300, **options)
        self.judge(" ".join(map(str, (name, *arguments))), done.returncode, done.stderr, expected)
        return done

    def judge(self, what, code, errors, expected=(0,)):
        if code not in expected or "Sanitizer" in errors or "runtime error" in errors:
            self.fail(f"{what}: ended with {code}\n{errors[-6000:]}")

    def start_server(self):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                        "-keyout", "server.key", "-out", "server.crt"], cwd=self.folder, check=True, capture_output=True)
        (self.folder / "parleyd.toml").write_text(
            "[limits]\nrate_per_second = 0\n")
        self.log = open(self.folder / "server.log", "w+", encoding="utf-8")
        self.server = subprocess.Popen(
            [self.programs / "parleyd", "--config", "parleyd.toml", "--data", "data", "--listen", "127.0.0.1:0", "--threads",
             "2", "--admin-listen", "127.0.0.1:0", "--tls-cert", "server.crt", "--tls-key", "server.key", "--log-level", "info"],
            cwd=self.folder, stdout=subprocess.PIPE, stderr=self.log, text=True)
        for line in self.server.stdout:
            if line.startswith("parleyd admin on "):
                self.admin = line.split()[-1]
            if line.startswith("parleyd ready on "):
                self.url = f"wss://{line.split()[-1]}"
                return
        raise Failed(f"the server did not start\n{(self.folder / 'server.log').read_text()}")

    def client(self, verb, user, *rest):
        return [self.programs / "parley", verb, "--user", user, "--server", self.url, "--ca", self.folder / "server.crt", "--app",
                self.data / "application.json", "--store", self.folder / user, "--json", *rest]

    def until_end(self, *threads_of):
        def again(turn):
            for number in itertools.count():
                if time.monotonic() >= self.end or self.failures:
                    return
                try:
                    turn(number)
                except Exception as error:  # whatever it is, it ends the run
                    self.fail(f"{turn.__name__}: {error!r}")
        threads = [threading.Thread(target=again, args=(turn,)) for turn in threads_of]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def load(self, number):
        workload = WORKLOADS[number % len(WORKLOADS)]
        self.run("parley-bench", "--server", self.url, "--ca", self.folder / "server.crt", "--app",
                 self.data / "application.json", "--seconds", 10, *workload)

    def interrupted(self, command, seconds, input_text=None):
        """Runs a client and interrupts it; returns the lines it printed."""
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        timer = threading.Timer(seconds, lambda: process.send_signal(self.noise.choice((signal.SIGINT, signal.SIGKILL))))
        timer.start()
        out, errors = process.communicate(input_text)
        timer.cancel()
        self.judge(" ".join(map(str, command[1:4])), process.returncode, errors, (0, 130, -signal.SIGKILL))
        return [json.loads(line) for line in out.splitlines() if line.endswith("}")]

    def speak(self, number):
        numbers = range(self.fed, self.fed + 50)
        lines = self.interrupted(self.client("send", "alice", "--to", "bob", "--until", "sent", "-"), self.noise.uniform(3, 12),
                                 "".join(f"{one}\n" for one in numbers))
        # What was queued is in the outbox; the rest was never taken and is said again.
        self.fed += sum(line["event"] == "queued" for line in lines)

    def listen(self, number):
        self.heard += [int(line["text"]) for line in self.interrupted(self.client("listen", "bob"), self.noise.uniform(3, 12))
                       if line["event"] == "incoming"]

    def administer(self, number):
        self.server.send_signal(signal.SIGHUP)
        subprocess.run(["curl", "-sf", "-o", "/dev/null", f"http://{self.admin}/metrics"], check=True)
        for arguments in (("user", "list"), ("user", "disable", "carol"), ("session", "list"), ("user", "enable", "carol"),
                          ("user", "show", "bob"), ("session", "end", "bob"), ("device", "list", "bob"), ("health",)):
            self.run("parleyd", *arguments, "--data", self.data, expected=(0, 1))
        if number % 10 == 0:
            backup = self.folder / f"backup-{number}"
            self.run("parleyd", "backup", backup, "--data", self.data)
            self.run("parleyd", "verify", "--data", backup)
        time.sleep(1)

    def finish(self):
        self.run("parley", *self.client("send", "alice", "--to", "bob", "end", "--until", "sent")[1:])
        for line in self.run("parley", *self.client("listen", "bob", "--timeout", "20s")[1:]).stdout.splitlines():
            event = json.loads(line)
            if event["event"] == "incoming" and event["text"] != "end":
                self.heard.append(int(event["text"]))
        # A client that was killed may have printed an event that it had not yet marked as shown: the same one comes again.
        self.server.send_signal(signal.SIGTERM)
        self.judge("parleyd", self.server.wait(60), (self.folder / "server.log").read_text())

    def judge_conversation(self):
        once = list(dict.fromkeys(self.heard))
        if once != sorted(once):
            self.fail("the conversation is out of order")
        missing = set(range(self.fed)) - set(once)
        if missing:
            self.fail(f"{len(missing)} of {self.fed} messages did not arrive: {sorted(missing)[:10]}")
        print(f"soak: {self.fed} messages of the conversation, {len(self.heard)} times heard")


def main():
    soak = Soak(sys.argv[1], float(sys.argv[2]))
    try:
        soak.start_server()
        soak.run("parley", *soak.client("listen", "bob", "--timeout", "1s")[1:])
        soak.until_end(soak.load, soak.speak, soak.listen, soak.administer)
        soak.finish()
        soak.judge_conversation()
    except Failed as failed:
        soak.fail(str(failed))
    finally:
        if hasattr(soak, "server") and soak.server.poll() is None:
            soak.server.kill()
    return 1 if soak.failures else 0


if __name__ == "__main__":
    sys.exit(main())
