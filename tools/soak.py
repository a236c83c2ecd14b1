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

WORKLOADS = (("pairs", "-P", "20", "-W", "8", "--threads", "2"), ("offline", "-U", "50", "-N", "5000"), ("fanout", "-R", "50"),
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
        self.heard = []  # the numbers, as they came
        self.ids = set()
        self.may_repeat = set()  # what a listener was shown that was then killed

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
        """Runs a client and interrupts it; returns the lines it printed, and whether it was killed."""
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        timer = threading.Timer(seconds, lambda: process.send_signal(self.noise.choice((signal.SIGINT, signal.SIGKILL))))
        timer.start()
        out, errors = process.communicate(input_text)
        timer.cancel()
        self.judge(" ".join(map(str, command[1:4])), process.returncode, errors, (0, 130, -signal.SIGKILL))
        return [json.loads(line) for line in out.splitlines() if line.endswith("}")], process.returncode == -signal.SIGKILL

    def speak(self, number):
        numbers = range(self.fed, self.fed + 50)
        lines, _ = self.interrupted(self.client("send", "alice", "--to", "bob", "--until", "sent", "-"), self.noise.uniform(3, 12),
                                 "".join(f"{one}\n" for one in numbers))
        # What was queued is in the outbox; the rest is said again, as a new message, also where a kill kept it from saying so.
        self.fed += sum(line["event"] == "queued" for line in lines)

    def listen(self, number):
        self.hear(*self.interrupted(self.client("listen", "bob"), self.noise.uniform(3, 12)))

    def hear(self, lines, killed):
        """Notes what a listener printed. Nothing comes twice, unless the listener was killed before it could note that it had shown it."""
        shown = [line for line in lines if line["event"] == "incoming"]
        for line in shown:
            identity = line["message_id"]
            if identity in self.ids and identity not in self.may_repeat:
                self.fail(f"{identity} came twice")
            self.may_repeat.discard(identity)
            self.ids.add(identity)
            if line["text"] != "end":
                self.heard.append(int(line["text"]))
        if killed:
            self.may_repeat.update(line["message_id"] for line in shown)
        elif shown:
            self.may_repeat.clear()

    def administer(self, number):
        self.server.send_signal(signal.SIGHUP)
        subprocess.run(["curl", "-sf", "-o", "/dev/null", f"http://{self.admin}/metrics"], check=True)
        for arguments in (("user", "list"), ("user", "disable", "carol"), ("session", "list"), ("user", "enable", "carol"),
                          ("user", "show", "bob"), ("device", "list", "bob"), ("health",)):
            self.run("parleyd", *arguments, "--data", self.data)
        self.run("parleyd", "session", "end", "bob", "--data", self.data, expected=(0, 1))  # bob may be away just then
        if number % 10 == 0:
            backup = self.folder / f"backup-{number}"
            self.run("parleyd", "backup", backup, "--data", self.data)
            self.run("parleyd", "verify", "--data", backup)
        time.sleep(1)

    def finish(self):
        self.run("parley", *self.client("send", "alice", "--to", "bob", "end", "--until", "sent")[1:])
        rest = self.run("parley", *self.client("listen", "bob", "--timeout", "20s")[1:]).stdout
        self.hear([json.loads(line) for line in rest.splitlines()], False)
        self.server.send_signal(signal.SIGTERM)
        self.judge("parleyd", self.server.wait(60), (self.folder / "server.log").read_text())

    def judge_conversation(self):
        once = list(dict.fromkeys(self.heard))
        if once != sorted(once):
            self.fail("the conversation is out of order")
        missing = set(range(self.fed)) - set(once)
        if missing:
            self.fail(f"{len(missing)} of {self.fed} messages did not arrive: {sorted(missing)[:10]}")
        print(f"soak: {self.fed} messages of the conversation, {len(self.ids)} arrived, of these {len(self.heard) + 1 - len(self.ids)} shown again after a kill")


def main():
    soak = Soak(sys.argv[1], float(sys.argv[2]))
    try:
        soak.start_server()
        for user in ("bob", "carol"):
            soak.run("parley", *soak.client("listen", user, "--timeout", "2s")[1:])
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
