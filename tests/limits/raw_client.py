"""Connections that do what no good client does: they stop anywhere, or go faster than anybody reads."""

import base64
import json
import os
import resource
import select
import socket
import struct
import sys
import time
import pathlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "interop"))
from parley_json import make_token  # noqa: E402

SECONDS = 30  # no step takes nearly as long


def allow_many_files():
    """Thousands of sockets are ours, thousands the server's."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def resident_bytes(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"process {pid} is gone")


def metrics_page(server):
    with socket.socket(socket.AF_UNIX) as control:
        control.settimeout(SECONDS)
        control.connect(str(server.data / "control.sock"))
        control.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        page = b""
        while data := control.recv(1 << 16):
            page += data
    return page.decode()


def metric(server, name):
    """The value of "name" or "name{label=...}"."""
    for line in metrics_page(server).splitlines():
        if line.startswith(name + " "):
            return float(line.split()[-1])
    raise AssertionError(f"no metric {name}")


def upgrade_request(path="/v1/connect", subprotocol="parley.v1.json"):
    key = base64.b64encode(os.urandom(16)).decode()
    return (f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: {subprotocol}\r\n\r\n").encode()


def frame(text, opcode=1):
    """A whole frame of a client; its mask changes nothing, so that it costs nothing to make."""
    payload = text if isinstance(text, bytes) else text.encode()
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", 0x80 | opcode, 0x80 | size)
    elif size < 65536:
        head = struct.pack("!BBH", 0x80 | opcode, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, 0x80 | 127, size)
    return head + bytes(4) + payload


def hello(server, user, device):
    return frame(json.dumps({"hello": {
        "token": make_token(server.application, user), "deviceId": device, "supportsMessaging": True, "sdk": "raw/1"}}))


def submit(message_id, recipient, text):
    return frame(json.dumps({"submit": {"message": {
        "messageId": message_id, "recipientIds": [recipient], "text": text, "createdAtMs": str(int(time.time() * 1000))}}}))


class RawClient:
    """One connection, blocking, with nothing behind it."""

    def __init__(self, server, source=None, receive_buffer=None, before=b"", context=None):
        self.socket = socket.socket()
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(SECONDS)
        if source is not None:
            self.socket.bind((source, 0))
        self.socket.connect(("127.0.0.1", server.port))
        if before:
            self.socket.sendall(before)
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_hostname="127.0.0.1")
        self.unread = b""

    def send(self, data):
        self.socket.sendall(data)

    def read(self):
        """More bytes in `unread`; False at the end."""
        try:
            data = self.socket.recv(1 << 16)
        except ConnectionError:
            return False
        self.unread += data
        return bool(data)

    def answer(self):
        """The head of an HTTP answer, or what came before the connection ended."""
        while b"\r\n\r\n" not in self.unread and self.read():
            pass
        head, _, self.unread = self.unread.partition(b"\r\n\r\n")
        return head.decode()

    def rest(self):
        while self.read():
            pass
        return self.unread

    def upgrade(self):
        self.send(upgrade_request())
        head = self.answer()
        assert head.startswith("HTTP/1.1 101 "), head
        return self

    def next_frame(self):
        """(opcode, payload), or None at the end."""
        def have(size):
            while len(self.unread) < size:
                if not self.read():
                    return False
            return True
        if not have(2):
            return None
        size, at = self.unread[1] & 127, 2
        if size >= 126:
            at += 2 if size == 126 else 8
            if not have(at):
                return None
            size = int.from_bytes(self.unread[2:at], "big")
        if not have(at + size):
            return None
        opcode, payload = self.unread[0] & 15, self.unread[at:at + size]
        self.unread = self.unread[at + size:]
        if opcode == 9:
            self.send(frame(payload, 10))
            return self.next_frame()
        return opcode, payload

    def close_code(self):
        """Reads to the close frame; None if the connection ended without one."""
        while (got := self.next_frame()) is not None:
            if got[0] == 8:
                return int.from_bytes(got[1][:2], "big")
        return None

    def open(self, server, user, device):
        self.upgrade()
        self.send(hello(server, user, device))
        opcode, payload = self.next_frame()
        assert opcode == 1 and "welcome" in json.loads(payload), payload
        return self

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def open_many(server, count, first_bytes=b""):
    """Sockets from many addresses of this machine, connected and with these bytes written, nothing read."""
    sockets, waiting = [], {}
    poll = select.epoll()
    for i in range(count):
        one = socket.socket()
        one.setblocking(False)
        one.bind((f"127.0.{1 + i // 250 % 100}.{1 + i % 250}", 0))
        one.connect_ex(("127.0.0.1", server.port))
        poll.register(one, select.EPOLLOUT)
        waiting[one.fileno()] = one
        sockets.append(one)
    deadline = time.monotonic() + SECONDS
    while waiting and time.monotonic() < deadline:
        for descriptor, _ in poll.poll(1):
            one = waiting.pop(descriptor)
            poll.unregister(descriptor)
            try:
                one.send(first_bytes)
            except OSError:
                pass  # refused: that is an answer too
    poll.close()
    assert not waiting, f"{len(waiting)} connections were neither taken nor refused"
    return sockets
