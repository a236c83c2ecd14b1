#!/usr/bin/env python3
"""Bytes that an idle session takes of the server's memory, plain and over TLS.

A server of its own, on a store that knows the users already, is started afresh for each number of sessions, which `parley-bench idle`
opens: the difference of the bytes that its heap has in use (heap_spy.cc) with many and with few of them, divided. So nothing counts that
is there once, nor what the allocator has in reserve, which is another amount each time: resident memory is some 2 to 5 % more.

usage: connection_bytes.py FOLDER-OF-PROGRAMS      prints one line of JSON
"""

import json
import os
import pathlib
import re
import resource
import socket
import subprocess
import sys
import tempfile
import time

FEW, MANY = 500, 2500
SECONDS = 60  # for all to be there


class MeasureError(Exception):
    """One line for the person who started it."""


def per_session(few_bytes, many_bytes):
    if many_bytes <= few_bytes:
        raise MeasureError(f"connection_bytes: {MANY} sessions took no more memory than {FEW}: {many_bytes} and {few_bytes} bytes")
    return (many_bytes - few_bytes) / (MANY - FEW)


def ask(path, request=b""):
    """All that is answered on a socket of the file system."""
    with socket.socket(socket.AF_UNIX) as asking:
        asking.connect(str(path))
        if request:  # who is not waited for may have answered and gone
            asking.sendall(request)
        return b"".join(iter(lambda: asking.recv(1 << 16), b"")).decode()


class Server:
    """Started on a data folder, ended at the end of the with."""

    def __init__(self, programs, folder, tls):
        self.data, self.heap = folder / "data", folder / "heap.sock"
        self.heap.unlink(missing_ok=True)
        flags = ["--tls-cert", folder / "server.crt", "--tls-key", folder / "server.key"] if tls else []
        # Nobody is pinged meanwhile; blocks that a thread keeps at hand would count as in use. On one thread, as what tables have
        # in reserve would be another amount on each number of cores.
        environment = dict(os.environ, PARLEY_LIMITS_PING_INTERVAL="10m", HEAP_SPY_SOCKET=str(self.heap),
                           LD_PRELOAD=str(programs / "parley_heap_spy.so"), MALLOC_CONF="tcache:false")
        self.process = subprocess.Popen(
            [programs / "parleyd", "--data", self.data, "--listen", "127.0.0.1:0", "--log-level", "warn", "--threads", "1", *flags],
            stdout=subprocess.PIPE, text=True, env=environment)
        self.address = None
        for line in self.process.stdout:
            if found := re.match(r"parleyd ready on (\S+)", line):
                self.address = ("wss://" if tls else "ws://") + found[1]
                break

    def __enter__(self):
        if self.address is None:
            self.__exit__()
            raise MeasureError("connection_bytes: the server did not start; what it said stands above")
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()

    def sessions(self):
        page = ask(self.data / "control.sock", b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return sum(int(number) for number in re.findall(r"^parley_sessions\{[^}]*\} (\d+)", page, re.MULTILINE))

    def heap_bytes(self):
        """When nothing moves any more."""
        before = -1
        for _ in range(100):
            now = int(ask(self.heap))
            if now == before:
                return now
            before = now
            time.sleep(0.3)
        raise MeasureError("connection_bytes: the server's heap does not come to rest")


def make_certificate(folder):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", "/CN=bench",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "server.key", "-out", folder / "server.crt"],
        check=True, capture_output=True)


def bytes_with(programs, folder, tls, sessions):
    """What the heap of a server that was just started has in use when they are all there."""
    trust = ["--ca", folder / "server.crt"] if tls else []
    with Server(programs, folder, tls) as server:
        idle = subprocess.Popen(
            [programs / "parley-bench", "--server", server.address, "--app", server.data / "application.json", "--seconds", "600", *trust,
             "--run", "known", "idle", "-N", str(sessions)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            end = time.monotonic() + SECONDS
            while (there := server.sessions()) < sessions:
                if idle.poll() is not None or time.monotonic() > end:
                    idle.kill()
                    raise MeasureError(f"connection_bytes: {there} of {sessions} sessions came: {idle.stderr.read().strip()[-300:]}")
                time.sleep(0.2)
            return server.heap_bytes()
        finally:
            idle.kill()
            idle.wait()
            idle.stderr.close()


def measure(programs, tls):
    """Bytes of one idle session."""
    with tempfile.TemporaryDirectory(prefix="parley-bytes-") as name:
        folder = pathlib.Path(name)
        if tls:
            make_certificate(folder)
        bytes_with(programs, folder, tls, MANY)  # makes the users known
        few, many = (bytes_with(programs, folder, tls, sessions) for sessions in (FEW, MANY))
    return per_session(few, many)


def measure_all(programs, only=""):
    """{name: bytes}, of the names that fit."""
    wanted = {name: tls for name, tls in (("session/plain", False), ("session/tls", True)) if re.search(only, name)}
    for name in ("parleyd", "parley-bench", "parley_heap_spy.so"):
        if wanted and not (programs / name).exists():
            raise MeasureError(f"connection_bytes: there is no {programs / name}: build parleyd, parley-bench and parley_heap_spy")
    files = MANY + 500
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if wanted and most < files:
        raise MeasureError(f"connection_bytes: {files} descriptors are needed and {most} allowed: ulimit -Hn {files}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return {name: round(measure(programs, tls)) for name, tls in wanted.items()}


def main(arguments):
    if len(arguments) != 1:
        print(__doc__.strip().splitlines()[-1], file=sys.stderr)
        return 2
    try:
        print(json.dumps(measure_all(pathlib.Path(arguments[0]))))
    except MeasureError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
