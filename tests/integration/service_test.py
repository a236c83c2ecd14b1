"""What parleyd tells the supervisor that started it (sd_notify(3)), heard by a socket that plays systemd."""

import fcntl
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time
import unittest

from program import SECONDS, ProgramTest

SOURCE = pathlib.Path(__file__).resolve().parent.parent.parent


class Systemd:
    """A datagram socket at a path, or at an abstract address if the name begins with '@'."""

    def __init__(self, address):
        self.address = str(address)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.address.replace("@", "\0", 1) if self.address[0] == "@" else self.address)

    def next(self, *skip):
        """The next message as a dictionary, without those that begin with one of the names in `skip`."""
        deadline = time.monotonic() + SECONDS
        while True:
            self.socket.settimeout(max(deadline - time.monotonic(), 0.001))
            message = dict(line.split("=", 1) for line in self.socket.recv(4096).decode().split("\n"))
            if next(iter(message)) not in skip:
                return message

    def drain(self):
        """Throws away what is there."""
        self.socket.settimeout(0)
        try:
            while True:
                self.socket.recv(4096)
        except BlockingIOError:
            pass


class SlowFile:
    """A file that nobody else can open before the end: whoever tries waits for the one who has a lease (fcntl(2))."""

    def __init__(self, path):
        self.path = path

    def __enter__(self):
        # The kernel says by it that somebody waits.
        self.handler = signal.signal(signal.SIGIO, signal.SIG_IGN)
        self.file = open(self.path, "r+")
        fcntl.fcntl(self.file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        return self

    def wait_until_opened(self):
        deadline = time.monotonic() + SECONDS
        while fcntl.fcntl(self.file, fcntl.F_GETLEASE) == fcntl.F_WRLCK:
            assert time.monotonic() < deadline, "nobody opens the file"
            time.sleep(0.01)

    def __exit__(self, *_):
        self.file.close()
        signal.signal(signal.SIGIO, self.handler)


class Notify(ProgramTest):
    def systemd(self, address=None):
        systemd = Systemd(address or self.folder / "notify")
        self.addCleanup(systemd.socket.close)
        return systemd

    def test_start_reload_and_stop_are_told(self):
        systemd = self.systemd()
        server = self.serve(environment={"NOTIFY_SOCKET": systemd.address})
        self.assertEqual(systemd.next(), {"READY": "1", "STATUS": f"ready on 127.0.0.1:{server.port}"})
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        server.process.send_signal(signal.SIGHUP)
        reloading = systemd.next()
        self.assertEqual(list(reloading), ["RELOADING", "MONOTONIC_USEC"])
        self.assertGreaterEqual(int(reloading["MONOTONIC_USEC"]), before)
        self.assertEqual(systemd.next()["READY"], "1")
        server.process.send_signal(signal.SIGTERM)
        self.assertEqual(systemd.next()["STOPPING"], "1")
        self.assertEqual(server.wait(), 0)
        self.assertNotIn("supervisor.not_told", server.errors())

    def test_a_reload_is_over_when_the_files_of_the_applications_are_read_and_holds_nobody_up(self):
        systemd = self.systemd()
        server = self.serve("--threads", "1", environment={"NOTIFY_SOCKET": systemd.address, "WATCHDOG_USEC": "1000000"})
        systemd.next("WATCHDOG")
        folder = self.data / "applications"
        folder.mkdir(mode=0o700)
        (folder / "slow.json").write_text(json.dumps(
            {**server.application, "applicationKey": "slow", "issuer": "//rtc.sinch.com/applications/slow"}))
        with SlowFile(folder / "slow.json") as slow:
            server.process.send_signal(signal.SIGHUP)
            slow.wait_until_opened()
            # The loop of the sessions answers, and what it is asked to change meanwhile is not undone by what was read.
            self.assertEqual(server.control("/v1/applications?key=new", "POST")[0], 200)
            # The main thread goes on, and has not said that all is done.
            self.assertIn("RELOADING", systemd.next("WATCHDOG"))
            self.assertEqual(list(systemd.next()), ["WATCHDOG"])
        self.assertEqual(systemd.next("WATCHDOG")["READY"], "1")
        applications = [one["application"] for one in json.loads(server.control("/v1/applications")[1])["applications"]]
        self.assertEqual(applications[1:], ["new", "slow"])
        self.assertEqual(server.end(), 0)

    def test_nothing_is_ready_that_does_not_start(self):
        systemd = self.systemd()
        self.data.mkdir()
        (self.data / "application.json").write_text("{")
        self.refuse(2, "--data", "data", "--listen", "127.0.0.1:0", environment={"NOTIFY_SOCKET": systemd.address})
        systemd.socket.settimeout(0)
        self.assertRaises(BlockingIOError, systemd.socket.recv, 4096)

    def test_a_watchdog_is_fed_while_the_loops_turn(self):
        systemd = self.systemd(f"@parley/{self.folder.name}")
        server = self.serve("--threads", "3",
                            environment={"NOTIFY_SOCKET": systemd.address, "WATCHDOG_USEC": "400000"})
        self.assertEqual(systemd.next()["READY"], "1")
        # What came before the clock is looked at would be counted as if it had come fast.
        systemd.drain()
        began = time.monotonic()
        for _ in range(8):
            self.assertEqual(systemd.next(), {"WATCHDOG": "1"})
        self.assertGreater(time.monotonic() - began, 0.5, "not more often than four times in its period")
        # A process that does not turn is silent.
        server.process.send_signal(signal.SIGSTOP)
        systemd.socket.settimeout(1)
        with self.assertRaises(TimeoutError):
            for _ in range(8):
                systemd.socket.recv(4096)
        server.process.send_signal(signal.SIGCONT)
        self.assertEqual(systemd.next(), {"WATCHDOG": "1"})
        self.assertEqual(server.end(), 0)
        self.assertEqual(systemd.next("WATCHDOG")["STOPPING"], "1")

    def test_a_supervisor_that_cannot_be_reached_is_told_in_the_log(self):
        server = self.serve(environment={"NOTIFY_SOCKET": str(self.folder / "nobody")})
        server.wait_logged("supervisor.not_told message=READY")
        self.assertEqual(server.end(), 0)


class Health(ProgramTest):
    def test_it_is_0_if_the_server_is_ready_and_1_if_there_is_none(self):
        self.assertIn("no server answers", self.refuse(1, "health", "--data", "data"))
        self.assertFalse(self.data.exists())
        server = self.serve()
        program = self.start("health", "--data", "data")
        self.assertEqual((program.process.stdout.read(), program.wait()), ("parleyd: ready\n", 0))
        # It asks the server alone, and does not open the store in its place.
        self.assertEqual(server.end(), 0)
        self.assertIn("no server answers", self.refuse(1, "health", "--data", "data"))

    def test_it_is_1_with_the_reason_if_the_server_is_not_ready_or_does_not_answer(self):
        self.data.mkdir()
        with socket.socket(socket.AF_UNIX) as control:
            control.bind(str(self.data / "control.sock"))
            control.listen()
            program = self.start("health", "--data", "data")
            connection, _ = control.accept()
            with connection:
                self.assertTrue(connection.recv(4096).startswith(b"GET /readyz HTTP/1.1\r\n"))
                body = b'{"status": "store away", "why": "the store cannot be read"}'
                connection.sendall(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            self.assertEqual(program.wait(), 1)
            self.assertEqual(program.errors(), "parleyd: the server is not ready: the store cannot be read\n")
            began = time.monotonic()
            self.assertIn("no whole answer", self.refuse(1, "health", "--data", "data"))
            self.assertLess(time.monotonic() - began, 15)


class Unit(unittest.TestCase):
    FILE = SOURCE / "deploy" / "systemd" / "parleyd.service"

    @unittest.skipUnless(shutil.which("systemd-analyze"), "this machine has no systemd-analyze")
    def test_systemd_understands_the_unit(self):
        program = subprocess.run(["systemd-analyze", "verify", "--man=no", str(self.FILE)], capture_output=True,
                                 text=True, timeout=SECONDS)
        # The program of the unit is installed by the package, not by a build.
        said = [line for line in program.stderr.splitlines() if "parleyd" in line and "is not executable" not in line]
        self.assertEqual(said, [])

    def test_the_time_to_stop_is_longer_than_a_drain(self):
        keys = dict(line.split("=", 1) for line in self.FILE.read_text().splitlines() if "=" in line)
        self.assertGreater(int(keys["TimeoutStopSec"].rstrip("s")), 10)
        self.assertEqual(keys["RestartPreventExitStatus"], "2 3")


if __name__ == "__main__":
    unittest.main()
