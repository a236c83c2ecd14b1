"""A Parley client that knows nothing but spec/wire.md and proto/parley/v1/wire.proto: JSON frames over a WebSocket.

It shares no code with Parley, so that what both agree on is the specification.
"""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time
import uuid

import websockets


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def make_token(application, user, ttl=3600, now=None, **changes):
    """Signs a session token (R22). `changes` bends header fields or claims, for tests of refusal."""
    now = int(time.time() if now is None else now)
    day = changes.pop("day", time.strftime("%Y%m%d", time.gmtime(now)))
    header = {"alg": changes.pop("alg", "HS256"), "kid": "hkdfv1-" + day}
    issuer = application["issuer"]
    claims = {"iss": issuer, "sub": f"{issuer}/users/{user}", "iat": now, "exp": now + ttl, "nonce": str(uuid.uuid4())}
    secret = base64.b64decode(changes.pop("secret", application["applicationSecret"]))
    claims.update(changes)
    signed = b64url(json.dumps(header, separators=(",", ":")).encode()) + "." + \
        b64url(json.dumps(claims, separators=(",", ":")).encode())
    key = hmac.new(secret, day.encode(), hashlib.sha256).digest()
    return signed + "." + b64url(hmac.new(key, signed.encode(), hashlib.sha256).digest())


class Server:
    """A real parleyd on a port of its own, with its data in a folder that outlives kills."""

    def __init__(self, *flags, wrapper=()):
        self.folder = tempfile.TemporaryDirectory(prefix="parley-interop-")
        self.data = pathlib.Path(self.folder.name) / "data"
        self.flags = list(flags)
        self.wrapper = list(wrapper)
        self.port = 0
        self.process = None
        self.log = open(pathlib.Path(self.folder.name) / "log", "ab")

    def start(self):
        binary = os.environ["PARLEYD"]
        self.process = subprocess.Popen(
            [*self.wrapper, binary, "--data", str(self.data), "--listen", f"127.0.0.1:{self.port}", *self.flags],
            stdout=subprocess.PIPE, stderr=self.log, text=True, start_new_session=True)
        for line in self.process.stdout:
            ready = re.fullmatch(r"parleyd ready on 127\.0\.0\.1:(\d+)\n", line)
            if ready:
                self.port = int(ready.group(1))
                return self
        self.process.wait()
        raise AssertionError(f"parleyd ended with {self.process.returncode} before it was ready:\n" + self.read_log())

    def read_log(self):
        self.log.flush()
        return pathlib.Path(self.log.name).read_text(errors="replace")[-4000:]

    def kill(self):
        os.killpg(self.process.pid, signal.SIGKILL)  # and what a wrapper started
        self.process.wait()
        self.process.stdout.close()

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=15)
        self.process.stdout.close()
        return code

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.kill()
        self.log.close()
        self.folder.cleanup()

    @property
    def application(self):
        return json.loads((self.data / "application.json").read_text())

    @property
    def url(self):
        return f"ws://127.0.0.1:{self.port}/v1/connect"


class Refused(Exception):
    def __init__(self, goodbye):
        super().__init__(goodbye)
        self.code = goodbye["error"]["code"]


class Device:
    """One device of a user: keeps its cursor and what it has seen, as a careful client would."""

    def __init__(self, server, user, device_id=None, messaging=True):
        self.server = server
        self.user = user
        self.device_id = device_id or "d-" + uuid.uuid4().hex
        self.messaging = messaging
        self.cursor = None
        self.socket = None
        self.welcome = None
        self.events = []        # everything that was recorded, in order
        self.results = []       # submit results, in order
        self.goodbye = None
        self.changed = asyncio.Event()
        self.reader = None
        self.acknowledging = True

    async def connect(self, token=None):
        self.goodbye = None
        self.socket = await websockets.connect(
            self.server.url, subprotocols=["parley.v1.json"], max_size=None, ping_interval=None, compression=None)
        hello = {"token": make_token(self.server.application, self.user) if token is None else token, "deviceId": self.device_id,
                 "supportsMessaging": self.messaging, "sdk": "interop/1"}
        if self.cursor is not None:
            hello["cursor"] = {"epoch": self.cursor[0], "sequence": str(self.cursor[1])}
        await self.send({"hello": hello})
        frame = json.loads(await asyncio.wait_for(self.socket.recv(), 20))
        if "goodbye" in frame:
            raise Refused(frame["goodbye"])
        self.welcome = frame["welcome"]
        if not self.welcome["cursorAccepted"]:
            self.cursor = None
        self.reader = asyncio.create_task(self.read())
        return self

    async def read(self):
        try:
            async for text in self.socket:
                await self.handle(json.loads(text))
                self.changed.set()
        except (websockets.ConnectionClosed, OSError):
            pass
        self.changed.set()

    async def handle(self, frame):
        if "events" in frame:
            for event in frame["events"].get("events", []):
                sequence = int(event["sequence"])
                assert self.cursor is None or sequence > self.cursor[1], "events come in order, after the cursor"
                self.events.append(event)
                self.cursor = (self.welcome["head"]["epoch"], sequence)
            through = int(frame["events"]["through"])
            if self.cursor is None or through > self.cursor[1]:
                self.cursor = (self.welcome["head"]["epoch"], through)
            if self.acknowledging:
                # The server may have closed already; what it sent before that, a Goodbye perhaps, is still to be read.
                with contextlib.suppress(websockets.ConnectionClosed):
                    await self.ack()
        elif "submitResult" in frame:
            self.results.append(frame["submitResult"])
        elif "goodbye" in frame:
            self.goodbye = frame["goodbye"]

    async def ack(self):
        await self.send({"ack": {"sequence": str(self.cursor[1])}})

    async def send(self, frame):
        await self.socket.send(json.dumps(frame))

    async def submit(self, recipients, text, message_id=None, key="", headers=None, open_recipients=()):
        message_id = message_id or str(uuid.uuid4())
        await self.send({"submit": {"message": {
            "messageId": message_id, "recipientIds": list(recipients), "text": text, "headers": headers or {},
            "createdAtMs": str(int(time.time() * 1000)), "idempotencyKey": key},
            "openRecipientIds": list(open_recipients)}})
        return message_id

    async def until(self, condition, timeout=20, what="what was expected"):
        deadline = time.monotonic() + timeout
        while True:
            value = condition()
            if value:
                return value
            self.changed.clear()
            left = deadline - time.monotonic()
            if left <= 0:
                raise AssertionError(f"{self.user} waited {timeout} s for {what}; has {self.summary()}")
            try:
                await asyncio.wait_for(self.changed.wait(), left)
            except asyncio.TimeoutError:
                pass

    async def result(self, message_id):
        return await self.until(
            lambda: next((r for r in self.results if r["messageId"] == message_id), None), what=f"the result of {message_id}")

    def of(self, kind):
        return [e[kind] for e in self.events if kind in e]

    def incoming(self):
        return [m["text"] for m in self.of("incoming")]

    async def until_incoming(self, texts, timeout=20):
        await self.until(lambda: len(self.incoming()) >= len(texts), timeout, f"{len(texts)} incoming messages")
        assert self.incoming() == list(texts), f"{self.incoming()} instead of {list(texts)}"

    async def until_delivered(self, message_id, recipient):
        return await self.until(lambda: any(
            d["messageId"] == message_id and d["recipientId"] == recipient for d in self.of("delivered")),
            what=f"delivered of {message_id} to {recipient}")

    def summary(self):
        return {"incoming": len(self.of("incoming")), "sent": len(self.of("sent")), "delivered": len(self.of("delivered")),
                "results": len(self.results), "goodbye": self.goodbye}

    async def drop(self):
        """Goes without a word."""
        if self.socket is not None:
            self.socket.transport.abort()
            if self.reader is not None:
                await self.reader
        self.socket = None

    async def close(self):
        if self.socket is not None:
            await self.socket.close()
            if self.reader is not None:
                await self.reader
        self.socket = None
