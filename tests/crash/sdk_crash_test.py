"""The SDK and the server are killed at random moments; what send_message took arrives, once and in order (R1, R6, R7, R8, R9).

Real processes, real disks: `parley send -` and `parley listen` are killed with SIGKILL while they work. Needs PARLEYD and
PARLEY, the paths of the two programs."""

import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "interop"))
from parley_json import Server  # noqa: E402

ROUNDS = int(os.environ.get("PARLEY_KILLS", "8"))


class SdkCrashes(unittest.TestCase):
    def setUp(self):
        self.server = Server().start()
        self.folder = pathlib.Path(self.server.folder.name)
        self.noise = random.Random(7)

    def tearDown(self):
        self.server.close()

    def command(self, verb, user, *rest):
        return [os.environ["PARLEY"], verb, "--user", user, "--server", f"ws://127.0.0.1:{self.server.port}",
                "--app", str(self.server.data / "application.json"), "--store", str(self.folder / user), "--json", *rest]

    def run_json(self, verb, user, *rest):
        done = subprocess.run(self.command(verb, user, *rest), capture_output=True, text=True, timeout=120)
        return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr

    def enrol(self, user):
        code, _, error = self.run_json("listen", user, "--timeout", "500ms")
        self.assertEqual(code, 0, error)

    def send_until_killed(self, first):
        """Feeds numbered lines to `parley send -` and kills it. Returns (lines fed at most up to, numbers known to be queued)."""
        process = subprocess.Popen(self.command("send", "alice", "--to", "bob", "-"), stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        fed = [first]
        queued = []

        def feed():
            try:
                while True:
                    process.stdin.write(f"{fed[0]}\n")
                    process.stdin.flush()
                    fed[0] += 1
                    time.sleep(0.0005)
            except (BrokenPipeError, ValueError, OSError):
                pass

        def listen():
            for line in process.stdout:
                if line.endswith("\n") and json.loads(line)["event"] == "queued":
                    queued.append(first + len(queued))

        threads = [threading.Thread(target=feed), threading.Thread(target=listen)]
        for thread in threads:
            thread.start()
        time.sleep(self.noise.uniform(0.05, 0.8))
        process.send_signal(signal.SIGKILL)
        process.wait()
        for thread in threads:
            thread.join()
        process.stdout.close()
        try:
            process.stdin.close()
        except OSError:
            pass
        return fed[0], queued

    def listen_until_killed(self, seen, times):
        """Runs `parley listen` and kills it several times; then lets it run to the end. `seen`: (id, text) in order of callbacks."""
        for last in [False] * times + [True]:
            process = subprocess.Popen(self.command("listen", "bob", "--timeout", "4s" if last else "60s"),
                                       stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            killer = threading.Timer(self.noise.uniform(0.02, 0.3), process.kill)
            if not last:
                killer.start()
            for line in process.stdout:
                if line.endswith("\n"):
                    event = json.loads(line)
                    if event["event"] == "incoming":
                        seen.append((event["message_id"], event["text"]))
            process.wait()
            process.stdout.close()
            killer.cancel()

    def test_what_was_queued_arrives_once_and_in_order(self):
        self.enrol("bob")
        known, next_number = [], 0
        for round_number in range(ROUNDS):
            next_number, queued = self.send_until_killed(next_number)
            known += queued
            if round_number % 3 == 1:
                self.server.kill()
                self.server.start()
        code, events, error = self.run_json("send", "alice", "--to", "bob", "--until", "sent", "--timeout", "60s", "last")
        self.assertEqual(code, 0, error)
        code, waiting, _ = self.run_json("outbox", "alice")
        self.assertEqual(code, 0)
        self.assertEqual(waiting, [], "the outbox is empty once a later message was sent (R6)")

        seen = []
        self.listen_until_killed(seen, 5)
        first_seen = list(dict.fromkeys(seen))
        self.assertEqual(len({message for message, _ in first_seen}), len(first_seen))
        texts = [text for _, text in first_seen]
        self.assertEqual(texts[-1], "last")
        numbers = [int(text) for text in texts[:-1]]
        self.assertEqual(numbers, sorted(set(numbers)), "in order, none twice")
        missing = set(known) - set(numbers)
        self.assertEqual(missing, set(), "every message that send_message took has arrived")
        again = len(seen) - len(first_seen)
        print(f"{len(known)} queued over {ROUNDS} kills, {len(numbers)} arrived, {again} callbacks came again after kills")
        self.assertGreater(len(known), 20)

        code, events, _ = self.run_json("send", "alice", "--to", "bob", "--until", "sent", "--timeout", "60s", "over")
        self.assertEqual(code, 0)


if __name__ == "__main__":
    unittest.main()
