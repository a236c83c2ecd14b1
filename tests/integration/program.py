"""Starts the program parleyd for the tests of this folder."""

import ctypes
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "interop"))

BINARY = os.environ.get("PARLEYD", "parleyd")
LIBC = ctypes.CDLL(None)
SECONDS = 30  # no step takes nearly as long; a test that waits longer has failed


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=SECONDS)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(SECONDS)
        self.sock.connect(self.path)


class Parleyd:
    """One process, with its standard error in a file so that it never waits for us, unless one is given."""

    def __init__(self, folder, *arguments, environment=None, prepare=None, stderr=None):
        self.data = pathlib.Path(folder) / "data"
        self.log = tempfile.TemporaryFile(dir=folder)
        clean = {k: v for k, v in os.environ.items() if not k.startswith("PARLEY")}
        self.process = subprocess.Popen(
            [BINARY, *arguments], stdout=subprocess.PIPE, stderr=self.log if stderr is None else stderr, text=True, cwd=folder,
            env={**clean, **(environment or {})}, preexec_fn=prepare)
        self.port = self.admin_port = None
        self.lines = []

    def wait_ready(self):
        for line in self.process.stdout:
            self.lines.append(line)
            if match := re.fullmatch(r"parleyd admin on \S+:(\d+)\n", line):
                self.admin_port = int(match.group(1))
            if match := re.fullmatch(r"parleyd ready on \S+:(\d+)\n", line):
                self.port = int(match.group(1))
                return self
        raise AssertionError(f"parleyd ended with {self.process.wait(SECONDS)}:\n{self.errors()}")

    def errors(self):
        # The process writes at the offset that it shares with this file: reading must not move it.
        return os.pread(self.log.fileno(), 1 << 26, 0).decode(errors="replace")

    def wait_logged(self, text):
        deadline = time.monotonic() + SECONDS
        while text not in self.errors():
            if time.monotonic() > deadline:
                raise AssertionError(f"{text!r} is not in the log:\n{self.errors()}")
            time.sleep(0.02)

    def wait(self):
        code = self.process.wait(SECONDS)
        self.process.stdout.close()
        return code

    def end(self, signal_number=signal.SIGTERM):
        self.process.send_signal(signal_number)
        return self.wait()

    def control(self, target, method="GET", body=None):
        connection = UnixConnection(str(self.data / "control.sock"))
        connection.request(method, target, body)
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer.status, body

    # What parley_json.Device wants to know of a server.
    @property
    def application(self):
        return json.loads((self.data / "application.json").read_text())

    @property
    def url(self):
        return f"ws://127.0.0.1:{self.port}/v1/connect"


def obey_modes():
    """For a process to be: where it is root's it is bound by the modes of files like anybody's."""
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        LIBC.prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP


class ProgramTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="parleyd-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.data = self.folder / "data"

    def start(self, *arguments, **options):
        program = Parleyd(self.folder, *arguments, **options)

        def clean():
            if program.process.poll() is None:
                program.process.kill()
                program.process.wait()
            program.process.stdout.close()
            program.log.close()
        self.addCleanup(clean)
        return program

    def serve(self, *arguments, **options):
        return self.start("--data", "data", "--listen", "127.0.0.1:0", *arguments, **options).wait_ready()

    def refuse(self, code, *arguments, **options):
        """Starts what must end with this code and one line on standard error; returns the line."""
        program = self.start(*arguments, **options)
        self.assertEqual(program.wait(), code, program.errors())
        errors = program.errors()
        said = [line for line in errors.splitlines() if line.startswith("parleyd: ")]
        self.assertEqual(len(said), 1, errors)
        return said[0]

    def ask(self, *command):
        """Runs a command on the data, with or without a server; returns what it answers."""
        program = self.start(*command, "--data", "data", "--json")
        text = program.process.stdout.read()
        self.assertEqual(program.wait(), 0, program.errors())
        return json.loads(text)

    def make_certificate(self, name, days=90, kind=("ec", "-pkeyopt", "ec_paramgen_curve:P-256")):
        certificate, key = self.folder / "server.crt", self.folder / "server.key"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", *kind, "-nodes", "-days", str(days), "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out",
             str(certificate)], check=True, capture_output=True)
        return str(certificate), str(key)
