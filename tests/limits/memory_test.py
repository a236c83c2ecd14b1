"""The memory of the server is bounded whatever its peers do, and their neighbours are served meanwhile."""

import asyncio
import concurrent.futures
import contextlib
import os
import pathlib
import select
import ssl
import subprocess
import sys
import tempfile
import time
import unittest
import unittest.mock
import uuid

import websockets

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "interop"))
from parley_json import Device, Server  # noqa: E402
from raw_client import SECONDS, RawClient, allow_many_files, frame, hello, metric, open_many, resident_bytes, submit, upgrade_request  # noqa: E402

MIB = 1 << 20
EVENTS = int(os.environ.get("PARLEY_TEST_EVENTS", "20000"))
FLOOD_MIB = int(os.environ.get("PARLEY_TEST_FLOOD_MIB", "400"))
HALF_OPEN = int(os.environ.get("PARLEY_TEST_HALF_OPEN", "10000" if allow_many_files() > 11000 else "4000"))
STANDING = HALF_OPEN * 4096 // 10000  # of these, at once: the default limit for ten thousand


class MemoryTest(unittest.TestCase):
    trust = None  # with it, devices speak TLS

    def setUp(self):
        allow_many_files()

    def device(self, user):
        return TlsDevice(self.server, user, self.trust) if self.trust else Device(self.server, user)

    def serve(self, *flags, **settings):
        folder = tempfile.TemporaryDirectory(prefix="parley-limits-")
        self.addCleanup(folder.cleanup)
        config = pathlib.Path(folder.name) / "parleyd.toml"
        config.write_text("".join(f"{key.replace('__', '.')} = {value}\n" for key, value in settings.items()))
        self.server = Server("--config", str(config), "--log-level", "warn", *flags)
        self.addCleanup(self.server.close)
        self.server.start()
        return self.server

    def resident(self):
        return resident_bytes(self.server.process.pid)

    def watch(self, what, before, bound):
        """Asserts the bound and says what was measured."""
        grown = self.resident() - before
        print(f"{what}: {grown / MIB:.1f} MiB more, at most {bound / MIB:.0f} allowed", file=sys.stderr)
        self.assertLess(grown, bound, what)

    def neighbours_are_served(self, old=None):
        """A message goes from alice to bob, who were there before, or connect now."""
        async def carry():
            alice, bob = old or (await self.device("alice").connect(), await self.device("bob").connect())
            text = f"at {time.monotonic()}"
            await alice.submit(["bob"], text)
            # A fraction of a second, and some seconds on a machine that has no time.
            await bob.until(lambda: bob.incoming()[-1:] == [text], 40, "a message while others misbehave")
            if old is None:
                await alice.close()
                await bob.close()
        return carry()

    def fill(self, sender, recipient, count, text, first=0):
        """Sends as fast as the server reads; returns when everything is answered."""
        with RawClient(self.server) as client:
            client.open(self.server, sender, "filler")
            answered = 0
            for start in range(first, first + count, 200):
                batch = range(start, min(start + 200, first + count))
                client.send(b"".join(submit(f"f{i}", recipient, text) for i in batch))
                while answered < batch.stop - first:
                    opcode, payload = client.next_frame()
                    self.assertEqual(opcode, 1, payload)
                    self.assertNotIn(b"goodbye", payload)
                    answered += payload.startswith(b'{"submitResult"')

    def enrol(self, *users):
        for user in users:
            with RawClient(self.server) as client:
                client.open(self.server, user, "first")


def make_certificate(folder):
    certificate, key = f"{folder}/server.crt", f"{folder}/server.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "90", "-subj", "/CN=test",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return certificate, key


def client_hello():
    """The first record of a handshake, as OpenSSL makes it."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    stream = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    with contextlib.suppress(ssl.SSLWantReadError):
        stream.do_handshake()
    return outgoing.read()


class TlsDevice(Device):
    """A device that speaks TLS."""

    def __init__(self, server, user, trust):
        super().__init__(server, user)
        self.trust = trust

    async def connect(self, token=None):
        plain = websockets.connect

        def secure(url, **options):
            return plain(url.replace("ws://", "wss://"), ssl=self.trust, **options)
        with unittest.mock.patch("websockets.connect", secure):
            return await super().connect(token)


class SlowReaders(MemoryTest):
    def test_a_reader_that_stops_costs_its_window_and_no_more(self):  # R20
        self.serve(limits__rate_per_second=0, limits__quota_pending_bytes=0)
        self.enrol("alice", "bob", "sleepy")
        self.fill("alice", "sleepy", 400, "x" * 60_000)  # 23 MiB wait
        before = self.resident()
        readers = 8
        with contextlib.ExitStack() as sleeping:
            for i in range(readers):
                client = sleeping.enter_context(RawClient(self.server, receive_buffer=4096))
                client.upgrade()
                client.send(hello(self.server, "sleepy", f"device-{i}"))
            asyncio.run(self.neighbours_are_served())
            # Each has been given nearly all that it may leave unacknowledged.
            deadline = time.monotonic() + SECONDS
            while (given := metric(self.server, 'parley_events_delivered_total{path="read"}')) < readers * 60:
                self.assertLess(time.monotonic(), deadline, f"only {given} events were handed to sessions")
                time.sleep(0.1)
            # Each may hold unacked_bytes (4 MiB) of events, and what of them is encoded for its connection (256 KiB and one
            # frame). A server that queued what waits would hold 184 MiB for them.
            self.watch("8 readers that stopped", before, readers * 6 * MIB + 32 * MIB)


class IdleSessions(MemoryTest):
    """docs/internals/memory.md, "An idle session"."""

    def setUp(self):
        if allow_many_files() < 5000:
            self.skipTest("needs 5000 open files (ulimit -Hn)")

    def test_an_idle_session_over_tls_costs_less_than_17_kb_all_told(self):
        folder = tempfile.TemporaryDirectory(prefix="parley-limits-")
        self.addCleanup(folder.cleanup)
        certificate, key = make_certificate(folder.name)
        self.trust = ssl.create_default_context(cafile=certificate)
        self.assertLess(self.measure("over TLS", "--tls-cert", certificate, "--tls-key", key), 17 * 1024)

    def test_an_idle_session_costs_at_most_1536_bytes_all_told(self):
        self.assertLessEqual(self.measure("plain"), 1536)

    def measure(self, how, *flags):
        """Resident bytes of a session."""
        # Nobody is pinged meanwhile: these clients do not answer.
        self.serve(*flags, limits__ping_interval='"10m"', limits__hello_timeout='"60s"')
        few, many = 500, 3500  # fewer, and the allocator's pages are a tenth of it, now more, now less
        # Once so that the users are known; what a new user costs in the store's tables is not a session's.
        with contextlib.ExitStack() as known:
            self.open_idle(known, 0, many)
        self.server.terminate()
        self.server.start()
        with contextlib.ExitStack() as idle:
            self.open_idle(idle, 0, few)
            before = self.resident()
            self.open_idle(idle, few, many)
            each = (self.resident() - before) / (many - few)
            asyncio.run(self.neighbours_are_served())
        print(f"an idle session, {how}: {each:.0f} bytes resident", file=sys.stderr)
        return each

    def open_idle(self, stack, first, end):
        """A session each for these users; they are all Welcome when this returns."""
        def open_one(number):  # with names like those that the SDK makes and servers have
            return RawClient(self.server, context=self.trust).open(self.server, f"user.{number:06}@mail.example", str(uuid.uuid5(uuid.NAMESPACE_URL, str(number))))
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            for client in pool.map(open_one, range(first, end)):
                stack.enter_context(client)
        self.assertEqual(metric(self.server, "parley_connections"), end)


class HalfOpen(MemoryTest):
    """Thousands of connections that stop on their way to a session.

    limits.handshakes and limits.unauthenticated let STANDING of them stand, so the bounds are that times what one may cost, and 24 MiB for
    the tables of the process. Where the limit of open files is small there are 4,000, and the limits in proportion.
    """

    def setUp(self):
        if allow_many_files() < HALF_OPEN + 1000:
            self.skipTest(f"needs {HALF_OPEN + 1000} open files (ulimit -Hn)")

    def stand_half_open(self, what, first_bytes, cost, *flags, counted="parley_handshakes"):
        # Nobody's time is up before it is measured.
        self.serve(*flags, limits__handshakes=STANDING, limits__unauthenticated=STANDING, limits__hello_timeout='"60s"')

        async def neighbours():
            alice, bob = await self.device("alice").connect(), await self.device("bob").connect()
            await self.neighbours_are_served((alice, bob))
            before = self.resident()
            sockets = await asyncio.to_thread(open_many, self.server, HALF_OPEN, first_bytes)
            try:
                await self.neighbours_are_served((alice, bob))
                await asyncio.to_thread(self.until_standing, counted)
                self.watch(f"{HALF_OPEN} x {what}", before, 24 * MIB + STANDING * cost)
                # Who comes new finds a place as well: the oldest of those who say nothing gives way.
                deadline = time.monotonic() + SECONDS
                while True:
                    try:
                        await (await self.device("carol").connect()).close()
                        break
                    except Exception:
                        self.assertLess(time.monotonic(), deadline, "nobody new gets in")
                        await asyncio.sleep(0.2)
                await self.neighbours_are_served((alice, bob))
            finally:
                for one in sockets:
                    one.close()
                await alice.close()
                await bob.close()
        asyncio.run(neighbours())

    def until_standing(self, counted):
        """They are there when it is measured; some may be counted as another thing for a moment."""
        deadline = time.monotonic() + SECONDS
        while (standing := metric(self.server, counted)) < STANDING * 0.9:
            self.assertLess(time.monotonic(), deadline, f"only {standing} {counted}")
            time.sleep(0.1)

    def test_that_say_nothing(self):
        self.stand_half_open("nothing said", b"", 4 << 10)

    def test_that_drip_the_head_of_a_request(self):
        self.stand_half_open("half a request", upgrade_request()[:-4] + b"\r\nX-Filler: " + b"x" * 6000, 14 << 10)  # a head of 8 KiB at most, and what Beast makes of it

    def test_that_promise_a_body(self):
        self.serve()
        before = self.resident()
        with contextlib.ExitStack() as promising:
            for _ in range(200):
                client = promising.enter_context(RawClient(self.server))
                with contextlib.suppress(ConnectionError):  # it is refused by its head
                    client.send(b"POST /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n" + bytes(MIB - 1))
            asyncio.run(self.neighbours_are_served())
            # All of it held would be 200 MiB.
            self.watch("200 x all of a body but its end", before, 16 * MIB)

    def test_that_say_no_hello(self):
        self.stand_half_open("no Hello", upgrade_request(), 4 << 10, counted="parley_connections")

    def test_that_stop_in_the_tls_handshake(self):
        folder = tempfile.TemporaryDirectory(prefix="parley-limits-")
        self.addCleanup(folder.cleanup)
        certificate, key = make_certificate(folder.name)
        # Strangers speak TLS to the one address, the neighbours too.
        self.trust = ssl.create_default_context(cafile=certificate)
        self.stand_half_open("a ClientHello", client_hello(), 60 << 10, "--tls-cert", certificate, "--tls-key", key)


class Floods(MemoryTest):
    def test_a_sender_at_full_speed_to_an_absent_user_costs_no_memory(self):
        self.serve(limits__rate_per_second=0, limits__quota_pending_bytes=0)
        self.enrol("alice", "bob", "mallory", "absent")
        before = self.resident()
        with RawClient(self.server) as flood:
            flood.open(self.server, "mallory", "flood")
            flood.socket.setblocking(False)
            sent, number, served, pending = 0, 0, False, b""
            deadline = time.monotonic() + 200
            while sent < FLOOD_MIB * MIB:
                self.assertLess(time.monotonic(), deadline, f"only {sent / MIB:.0f} MiB were taken")
                if not pending:
                    pending = b"".join(submit(f"m{number + i}", "absent", "x" * 60_000) for i in range(50))
                    number += 50
                try:
                    count = flood.socket.send(pending)
                    sent += count
                    pending = pending[count:]
                except BlockingIOError:
                    select.select([flood.socket], [flood.socket], [], 0.1)
                with contextlib.suppress(BlockingIOError):
                    flood.socket.recv(1 << 20)
                if not served and sent > FLOOD_MIB * MIB // 2:
                    asyncio.run(self.neighbours_are_served())
                    served = True
        # 3 memory tables of 32 MiB, the cache of the store (64 MiB), its queue (64 MiB), a session's window, and what the
        # allocator keeps. It does not grow with the flood: after 1.5 GiB it is the same.
        self.watch(f"a flood of {FLOOD_MIB} MiB to an absent user", before, 290 * MIB)


class LargeMailbox(MemoryTest):
    def test_a_new_device_of_a_user_with_very_many_events_is_read_to_in_pieces(self):  # R18, R20
        self.serve(limits__rate_per_second=0, limits__quota_pending_bytes=0, limits__quota_retained_bytes=0)
        self.enrol("alice", "bob", "writer", "collector")
        self.fill("writer", "collector", EVENTS, "an ordinary message of some length, as people write them")
        before = self.resident()
        with RawClient(self.server) as client:
            client.open(self.server, "collector", "new-device")
            seen, last = 0, 0
            served = False
            while seen < EVENTS:
                opcode, payload = client.next_frame()
                self.assertEqual(opcode, 1, payload)
                seen += payload.count(b'"incoming"')
                through = int(payload.rpartition(b'"through":"')[2].split(b'"')[0])
                self.assertGreater(through, last)
                last = through
                client.send(frame('{"ack":{"sequence":"%d"}}' % through))
                if not served and seen > EVENTS // 2:
                    asyncio.run(self.neighbours_are_served())
                    served = True
            # Windows and a page of the store at a time; and what was read stays in the cache of the store until that is full. All
            # of it held for the session would be a kilobyte for each event.
            self.watch(f"a device that reads {EVENTS} events", before, 6 * MIB + min(80 * MIB, EVENTS * 200))


if __name__ == "__main__":
    unittest.main()
