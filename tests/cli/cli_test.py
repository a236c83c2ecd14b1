"""The command line client from outside: what docs/cli.md says, with good and bad input."""

import json
import os
import pathlib
import pty
import re
import select
import signal
import socket
import subprocess
import tempfile
import time
import unittest

TIMESTAMP = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")


class Cli(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory(prefix="parley-cli-")
        cls.folder = pathlib.Path(cls.temporary.name)
        cls.start_server("127.0.0.1:0")

    @classmethod
    def start_server(cls, listen):
        cls.server = subprocess.Popen(
            [os.environ["PARLEYD"], "--data", str(cls.folder / "parley-data"), "--listen", listen],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for line in cls.server.stdout:
            if line.startswith("parleyd ready on "):
                cls.address = line.removeprefix("parleyd ready on ").strip()
                return
        raise RuntimeError("parleyd did not start")

    @classmethod
    def tearDownClass(cls):
        cls.server.kill()
        cls.server.wait()
        cls.server.stdout.close()
        cls.temporary.cleanup()

    def setUp(self):
        self.suffix = "." + self.id().rsplit(".", 1)[1]

    def user(self, name):
        return name + self.suffix

    def environment(self, **more):
        kept = {key: value for key, value in os.environ.items() if key != "PARLEY_TOKEN"}
        return {**kept, "XDG_DATA_HOME": str(self.folder / "xdg"), **more}

    def command(self, verb, user, *rest, server=None):
        # The application file is the default one of this folder.
        return [os.environ["PARLEY"], verb, "--user", self.user(user),
                "--server", server or f"ws://{self.address}", *rest]

    def run_cli(self, verb, user, *rest, server=None, stdin=None, **environment):
        done = subprocess.run(self.command(verb, user, *rest, server=server), cwd=self.folder, timeout=60,
                              input=stdin, capture_output=True, env=self.environment(**environment))
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def run_json(self, verb, user, *rest, **named):
        code, output, error = self.run_cli(verb, user, *rest, "--json", **named)
        return code, [json.loads(line) for line in output.splitlines()], error

    def enrol(self, user):
        # How long it takes to connect is the machine's affair.
        for _ in range(60):
            code, _, error = self.run_cli("listen", user, "--timeout", "300ms")
            self.assertEqual(code, 0, error)
            shown = subprocess.run(
                [os.environ["PARLEYD"], "user", "show", self.user(user), "--json", "--data", str(self.folder / "parley-data")],
                capture_output=True, text=True, timeout=60)
            if shown.returncode == 0 and json.loads(shown.stdout)["messaging"]:
                return
        self.fail(f"{self.user(user)} never connected")

    def one_line(self, error, *parts):
        self.assertEqual(len(error.splitlines()), 1, error)
        for part in parts:
            self.assertIn(part, error)

    def closed_port(self):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            return listener.getsockname()[1]

    # ---- the straight path

    def test_send_and_listen(self):
        self.enrol("bob")
        code, events, _ = self.run_json("send", "alice", "--to", self.user("bob"), "--header", "k=v=w",
                                        "--until", "sent", "Grüße")
        self.assertEqual(code, 0)
        by_kind = {event["event"]: event for event in events}
        self.assertEqual(list(by_kind["started"]), ["event", "user_id", "device_id"])
        message_id = by_kind["queued"]["message_id"]
        sent = by_kind["sent"]
        self.assertEqual(list(sent), ["event", "message_id", "recipient_id", "timestamp", "text"])
        self.assertEqual((sent["message_id"], sent["recipient_id"], sent["text"]),
                         (message_id, self.user("bob"), "Grüße"))
        self.assertRegex(sent["timestamp"], TIMESTAMP)

        code, events, _ = self.run_json("listen", "bob", "--count", "1")
        self.assertEqual(code, 0)
        incoming = next(event for event in events if event["event"] == "incoming")
        self.assertEqual(incoming, {"event": "incoming", "message_id": message_id,
                                    "sender_id": self.user("alice"), "recipient_ids": [self.user("bob")],
                                    "text": "Grüße", "headers": {"k": "v=w"},
                                    "timestamp": sent["timestamp"]})
        code, events, _ = self.run_json("listen", "alice", "--timeout", "500ms")
        self.assertEqual(code, 0)
        self.assertIn(message_id, [event["message_id"] for event in events if event["event"] == "delivered"])

    def test_lines_of_standard_input_keep_their_order(self):
        self.enrol("bob")
        texts = [f"line {number}" for number in range(30)] + [""]
        code, events, _ = self.run_json("send", "alice", "--to", self.user("bob"), "--until", "sent", "-",
                                        stdin="".join(text + "\n" for text in texts).encode())
        self.assertEqual(code, 0)
        queued = [event["message_id"] for event in events if event["event"] == "queued"]
        self.assertEqual([event["message_id"] for event in events if event["event"] == "sent"], queued)
        for message_id in queued:
            kinds = [event["event"] for event in events if event.get("message_id") == message_id]
            self.assertEqual(kinds[:2], ["queued", "sent"])
        code, events, _ = self.run_json("listen", "bob", "--count", str(len(texts)))
        self.assertEqual(code, 0)
        self.assertEqual([event["text"] for event in events if event["event"] == "incoming"], texts)

    def test_count_leaves_the_rest_for_the_next_run(self):
        self.enrol("bob")
        self.run_cli("send", "alice", "--to", self.user("bob"), "--until", "sent", "-", stdin=b"a\nb\nc\nd\n")
        seen = []
        for count in (1, 2, 1):
            code, events, _ = self.run_json("listen", "bob", "--count", str(count))
            self.assertEqual(code, 0)
            seen.append([event["text"] for event in events if event["event"] == "incoming"])
        self.assertEqual(seen, [["a"], ["b", "c"], ["d"]])

    def test_what_comes_in_while_send_runs_is_shown_by_listen(self):
        self.enrol("bob")
        self.enrol("alice")
        self.run_cli("send", "bob", "--to", self.user("alice"), "--until", "sent", "for later")
        code, events, _ = self.run_json("send", "alice", "--to", self.user("bob"), "--until", "sent", "x")
        self.assertEqual(code, 0)
        self.assertNotIn("incoming", [event["event"] for event in events])
        code, events, _ = self.run_json("listen", "alice", "--count", "1")
        self.assertEqual(events[-1]["text"], "for later")

    def test_what_cannot_be_written_is_not_lost(self):
        self.enrol("bob")
        self.run_cli("send", "alice", "--to", self.user("bob"), "--until", "sent", "precious")
        with open("/dev/full", "wb") as full:
            for rest in (("--json",), ()):
                done = subprocess.run(self.command("listen", "bob", "--count", "1", *rest), cwd=self.folder, stdout=full,
                                      stderr=subprocess.PIPE, timeout=60, env=self.environment())
                self.assertEqual(done.returncode, 1)
                self.one_line(done.stderr.decode(), "cannot write to standard output", "No space left")
            for verb, rest in (("token", ()), ("send", ("--to", self.user("bob"), "--until", "sent", "more"))):
                done = subprocess.run(self.command(verb, "alice", *rest), cwd=self.folder, stdout=full,
                                      stderr=subprocess.PIPE, timeout=60, env=self.environment())
                self.assertEqual(done.returncode, 1)
                self.one_line(done.stderr.decode(), "cannot write to standard output")
        code, events, _ = self.run_json("listen", "bob", "--count", "1")
        self.assertEqual((code, [event["text"] for event in events if event["event"] == "incoming"]), (0, ["precious"]))

    def test_a_reader_that_has_gone_takes_nothing_along(self):
        self.enrol("bob")
        for text in ("one", "two"):
            self.run_cli("send", "alice", "--to", self.user("bob"), "--until", "sent", text)
        output, closed = os.pipe()
        os.close(output)
        done = subprocess.run(self.command("listen", "bob", "--count", "2"), cwd=self.folder, stdout=closed,
                              stderr=subprocess.PIPE, timeout=60, env=self.environment())
        os.close(closed)
        self.assertEqual(done.returncode, 1)
        self.one_line(done.stderr.decode(), "cannot write to standard output", "Broken pipe")
        code, events, _ = self.run_json("listen", "bob", "--count", "2")
        self.assertEqual((code, [event["text"] for event in events if event["event"] == "incoming"]), (0, ["one", "two"]))

    def test_send_on_a_new_device_says_only_what_it_sends(self):
        self.enrol("bob")
        self.run_cli("send", "alice", "--to", self.user("bob"), "--until", "sent", "-", stdin=b"old\nolder\n")
        nowhere = f"ws://127.0.0.1:{self.closed_port()}"
        for rest in (("--json",), ()):
            store = ("--store", str(self.folder / (self.suffix + "new" + "".join(rest))))
            self.run_cli("send", "alice", "--to", self.user("bob"), "--timeout", "200ms", *store, "waits", server=nowhere)
            code, output, error = self.run_cli("send", "alice", "--to", self.user("bob"), "--until", "sent", *store,
                                               *rest, "new")
            self.assertEqual(code, 0, error)
            self.assertNotIn("old", output)
            self.assertIn("waits", output)
            self.assertIn("new", output)

    def test_another_store_is_another_device(self):
        self.enrol("bob")
        self.run_cli("send", "alice", "--to", self.user("bob"), "--until", "sent", "hi")
        devices = set()
        for store in ("one", "two"):
            code, events, _ = self.run_json("listen", "bob", "--store", str(self.folder / (self.suffix + store)),
                                            "--count", "1")
            self.assertEqual((code, events[-1]["text"]), (0, "hi"))
            devices.add(events[0]["device_id"])
        self.assertEqual(len(devices), 2)

    def test_the_outbox_waits_is_listed_and_cancelled(self):
        nowhere = f"ws://127.0.0.1:{self.closed_port()}"
        code, events, error = self.run_json("send", "alice", "--to", "bob", "--to", "carol", "--timeout", "300ms",
                                            "wait", server=nowhere)
        self.assertEqual(code, 4)
        # The server that is not there is said once, and what becomes of the message.
        self.assertEqual(len(error.splitlines()), 2, error)
        code, events, _ = self.run_json("outbox", "alice")
        self.assertEqual(code, 0)
        self.assertEqual([(event["text"], event["open_recipient_ids"], event["submitted"]) for event in events],
                         [("wait", ["bob", "carol"], False)])
        code, output, _ = self.run_cli("outbox", "alice")
        self.assertIn(events[0]["message_id"], output)
        self.assertEqual(self.run_cli("outbox", "alice", "--cancel", events[0]["message_id"])[0], 0)
        code, _, error = self.run_cli("outbox", "alice", "--cancel", events[0]["message_id"])
        self.assertEqual(code, 1)
        self.one_line(error, "--cancel")
        self.assertEqual(self.run_json("outbox", "alice")[1], [])

    def test_the_end_of_the_retry_window(self):
        code, events, _ = self.run_json("send", "alice", "--to", "bob", "--retry-window", "50ms", "late",
                                        server=f"ws://127.0.0.1:{self.closed_port()}")
        self.assertEqual(code, 1)
        failed = next(event for event in events if event["event"] == "failed")
        self.assertEqual(list(failed), ["event", "message_id", "recipient_id", "error"])
        self.assertEqual((failed["error"]["domain"], failed["error"]["code"]), ("network", 1001))

    def test_a_token_opens_a_session(self):
        code, token, _ = self.run_cli("token", "alice", "--ttl", "10m")
        self.assertEqual(code, 0)
        token = token.strip()
        self.assertEqual(token.count("."), 2)
        self.assertEqual(self.run_cli("listen", "alice", "--token", token, "--timeout", "300ms")[0], 0)
        self.assertEqual(self.run_cli("listen", "alice", "--timeout", "300ms", PARLEY_TOKEN=token)[0], 0)

    # ---- exit codes and lines for what goes wrong

    def test_an_unknown_recipient_is_1(self):
        code, events, _ = self.run_json("send", "alice", "--to", self.user("nobody"), "hi")
        self.assertEqual(code, 1)
        self.assertEqual([event["error"]["code"] for event in events if event["event"] == "failed"], [2000])

    def test_wrong_usage_is_2_and_one_line(self):
        cases = [
            (("listen", "al ice"), "--user"),
            (("listen", "a", "--server", "http://x"), "--server"),
            (("listen", "a", "--app", "/nonexistent"), "--app"),
            (("listen", "a", "--token", "x"), "--token"),
            (("listen", "a", "--ca", "/nonexistent"), "--ca"),
            (("listen", "a", "--timeout", "soon"), "--timeout"),
            (("send", "a", "--to", "b", "--header", "k", "x"), "--header"),
            (("send", "a", "--to", "b", "--header", "k=" + "v" * 5000, "x"), "--header"),
            (("send", "a", "--to", "b", b"\xff"), "text"),
            (("send", "a", "--to", "b", "x" * 70000), "text"),
            (("send", "a", "x"), "--to"),
            (("token", "a", "--ttl", "0s"), "--ttl"),
            (("listen", "a", "--token", ""), "--token"),
            (("listen", "a", "--store", ""), "--store"),
            (("listen", "a", "--ca", ""), "--ca"),
            (("outbox", "a", "--cancel", ""), "--cancel"),
        ]
        for words, named in cases:
            code, output, error = self.run_cli(*words)
            self.assertEqual((code, output), (2, ""), (words, error))
            self.one_line(error, named)

    def test_a_bad_line_of_standard_input_is_named(self):
        self.enrol("bob")
        code, output, error = self.run_cli("send", "alice", "--to", self.user("bob"), "--until", "sent", "-",
                                           stdin=b"good\n\xff\nnever\n")
        self.assertEqual(code, 2)
        self.assertIn("line 2", error)
        self.assertEqual(output.count("sent to"), 1)

    def test_a_refused_session_is_3(self):
        token = self.run_cli("token", "alice")[1].strip()
        head, claims, signature = token.split(".")
        flipped = ("B" if signature[0] == "A" else "A") + signature[1:]
        code, _, error = self.run_cli("listen", "alice", "--token", ".".join((head, claims, flipped)))
        self.assertEqual(code, 3)
        self.one_line(error, "token")

    def test_a_timeout_is_4_unless_nothing_was_counted(self):
        self.assertEqual(self.run_cli("listen", "alice", "--timeout", "200ms")[0], 0)
        self.assertEqual(self.run_cli("listen", "alice", "--count", "1", "--timeout", "200ms")[0], 4)

    def test_a_store_that_cannot_be_used_is_5_and_one_line(self):
        busy = subprocess.Popen(self.command("listen", "alice", "--json"), cwd=self.folder,
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=self.environment())
        try:
            self.assertIn(b"started", busy.stdout.readline())
            code, _, error = self.run_cli("listen", "alice")
            self.assertEqual(code, 5)
            self.one_line(error, "in use", "--store")
        finally:
            busy.send_signal(signal.SIGINT)
            self.assertEqual(busy.wait(timeout=20), 0)
            busy.stdout.close()
        broken = self.folder / ("broken" + self.suffix)
        broken.mkdir()
        (broken / "store.db").write_bytes(os.urandom(10000))
        for store in (str(broken), "/proc/nothing"):
            code, _, error = self.run_cli("listen", "alice", "--store", store)
            self.assertEqual(code, 5)
            self.one_line(error, store, "--store")
        code, _, error = self.run_cli("listen", "bob", "--store",
                                      str(next((self.folder / "xdg" / "parley").glob("*/alice*"))))
        self.assertEqual(code, 5)
        self.one_line(error, "belongs to")

    def test_a_store_without_room_is_said_once(self):
        disk = self.folder / ("disk" + self.suffix)
        disk.mkdir()
        if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(disk)],
                                               stderr=subprocess.DEVNULL).returncode != 0:
            self.skipTest("a small disk needs mount")
        try:
            store = ("--store", str(disk / "store"))
            self.assertEqual(self.run_cli("listen", "alice", *store, "--timeout", "300ms")[0], 0)
            with open(disk / "filling", "wb", buffering=0) as filling, self.assertRaises(OSError):
                while True:
                    filling.write(bytes(4096))
            for verb, rest, stdin in (("send", ("--to", "b", "x" * 20000), None), ("chat", ("--to", "b"), b"x" * 20000)):
                code, _, error = self.run_cli(verb, "alice", *store, *rest, stdin=stdin)
                self.assertEqual(code, 5, error)
                self.one_line(error, "no room", "--store")
        finally:
            subprocess.run(["umount", "--lazy", str(disk)], check=True)

    def test_a_server_that_is_not_one_is_said_once(self):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            process = subprocess.Popen(
                self.command("listen", "alice", "--timeout", "3s", server=f"ws://127.0.0.1:{listener.getsockname()[1]}"),
                cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=self.environment())
            listener.settimeout(0.2)
            while process.poll() is None:
                try:
                    connection, _ = listener.accept()
                    connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
                    connection.close()
                except TimeoutError:
                    pass
            error = process.stderr.read()
            process.stderr.close()
        self.assertEqual(process.returncode, 0)
        self.one_line(error, "127.0.0.1", "trying again")

    # ---- at the terminal

    def test_chat_works_without_a_terminal(self):
        self.enrol("bob")
        code, output, error = self.run_cli("chat", "alice", "--to", self.user("bob"),
                                           stdin=b"one\n//two\n/help\n/nonsense\n/to x y\n")
        self.assertEqual(code, 0, error)
        self.assertIn(f"sent to {self.user('bob')}: one", output)
        self.assertIn(": /two", output)
        self.assertIn("/quit", error)
        self.assertIn("/nonsense", error)

    def test_chat_tells_a_script_what_failed(self):
        code, output, error = self.run_cli("chat", "alice", "--to", self.user("nobody"), stdin=b"one\n")
        self.assertEqual(code, 1, error)
        self.assertIn("not sent to", output)

    def test_chat_interrupted_with_unsent_messages_is_130(self):
        process = subprocess.Popen(
            self.command("chat", "alice", "--to", "bob", "--json", server=f"ws://127.0.0.1:{self.closed_port()}"),
            cwd=self.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=self.environment())
        process.stdin.write(b"one\ntwo\n")
        process.stdin.flush()
        for _ in range(2):
            self.assertIn(b"queued", process.stdout.readline())
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=20)
        self.assertEqual(process.returncode, 130)
        self.one_line(error.decode().splitlines()[-1], "2 messages", "outbox")
        self.assertEqual([event["text"] for event in self.run_json("outbox", "alice")[1]], ["one", "two"])

    def test_chat_draws_on_a_terminal(self):
        self.enrol("bob")
        process, terminal = pty.fork()
        if process == 0:
            os.chdir(self.folder)
            command = self.command("chat", "alice", "--to", self.user("bob"))
            os.execve(command[0], command, self.environment(TERM="xterm"))
        screen = b""

        def wait_for(part):
            nonlocal screen
            end = time.monotonic() + 20
            while part not in screen:
                self.assertLess(time.monotonic(), end, screen)
                if select.select([terminal], [], [], 0.2)[0]:
                    screen += os.read(terminal, 65536)

        wait_for("> ".encode())
        os.write(terminal, "wrong\x15Grüße\x7f\r".encode())
        wait_for(": Grüß ".encode() + b"\x1b[2m" + "✓".encode())
        os.write(terminal, b"half")
        wait_for(b"half")
        screen = b""
        self.run_cli("send", "bob", "--to", self.user("alice"), "--until", "sent", "incoming")
        wait_for(b": incoming")
        wait_for(b"> half")  # What was being typed is still there.
        os.write(terminal, b"\x15/quit\r")
        self.assertEqual(os.waitpid(process, 0)[1], 0)
        os.close(terminal)

    def test_control_c_ends_cleanly(self):
        for verb, rest, expected in (("listen", (), 0), ("chat", (), 0), ("send", ("--to", "x", "-"), 130)):
            process = subprocess.Popen(self.command(verb, "alice", *rest, "--json"), cwd=self.folder,
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                       env=self.environment())
            self.assertIn(b"started", process.stdout.readline())
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.wait(timeout=20), expected, verb)
            process.stdin.close()
            process.stdout.close()

    def test_help_and_version(self):
        for words in (["--help"], ["--version"], ["send", "--help"], ["chat", "--help"]):
            done = subprocess.run([os.environ["PARLEY"], *words], capture_output=True, text=True, timeout=20)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertTrue(done.stdout)
        done = subprocess.run([os.environ["PARLEY"]], capture_output=True, text=True, timeout=20)
        self.assertEqual(done.returncode, 2)
        self.one_line(done.stderr, "--help")


if __name__ == "__main__":
    unittest.main()
