"""Who may connect to a real server, and what the others are told."""

import asyncio
import contextlib
import json
import os
import pathlib
import resource
import select
import socket
import struct
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "interop"))
from parley_json import Device, Server  # noqa: E402
from memory_test import make_certificate  # noqa: E402
from raw_client import RawClient, frame, hello, metrics_page, submit, upgrade_request  # noqa: E402

SECONDS = 30


def line(client):
    """A PROXY header, version 1."""
    family, server = ("TCP6", "2001:db8:f::1") if ":" in client else ("TCP4", "203.0.113.1")
    return f"PROXY {family} {client} {server} 4242 443\r\n".encode()


def binary(client):
    """A PROXY header, version 2."""
    if ":" in client:
        addresses = socket.inet_pton(socket.AF_INET6, client) + socket.inet_pton(socket.AF_INET6, "2001:db8:f::1")
    else:
        addresses = socket.inet_pton(socket.AF_INET, client) + socket.inet_pton(socket.AF_INET, "203.0.113.1")
    body = addresses + struct.pack("!HH", 4242, 443)
    return b"\r\n\r\n\0\r\nQUIT\n" + bytes([0x21, 0x21 if ":" in client else 0x11]) + struct.pack("!H", len(body)) + body


class LimitsTest(unittest.TestCase):
    def serve(self, *flags, wrapper=(), **settings):
        folder = tempfile.TemporaryDirectory(prefix="parley-limits-")
        self.addCleanup(folder.cleanup)
        config = pathlib.Path(folder.name) / "parleyd.toml"
        config.write_text("".join(f"{key.replace('__', '.')} = {value}\n" for key, value in settings.items()))
        self.server = Server("--config", str(config), *flags, wrapper=wrapper)
        self.addCleanup(self.server.close)
        self.server.start()
        return self.server

    def behind_a_proxy(self, **settings):
        return self.serve("--log-level", "debug", proxy__trusted='["127.0.0.0/8"]', **settings)

    def connect(self, before=b""):
        client = RawClient(self.server, before=before)
        self.addCleanup(client.close)
        return client

    def head_of(self, before):
        """What a connection that asks for an upgrade is answered."""
        client = self.connect(before)
        client.send(upgrade_request())
        return client.answer().split("\r\n")[0], client

    def wait_logged(self, text):
        deadline = time.monotonic() + SECONDS
        while text not in self.server.read_log():
            self.assertLess(time.monotonic(), deadline, self.server.read_log())
            time.sleep(0.02)


class Proxies(LimitsTest):
    def test_both_versions_name_the_client(self):
        self.behind_a_proxy(limits__address_connections=1)
        for header in (line, binary):
            for client, neighbour in (("192.0.2.1", "192.0.2.2"), ("2001:db8:0:1::1", "2001:db8:0:2::1")):
                with self.subTest(header=header.__name__, client=client):
                    status, first = self.head_of(header(client))
                    self.assertIn("101", status)
                    first.send(hello(self.server, "alice", "one"))
                    self.assertIn(b"welcome", first.next_frame()[1])
                    status, second = self.head_of(header(client))
                    self.assertEqual(status, "HTTP/1.1 429 Too Many Requests")
                    self.assertEqual(json.loads(second.rest())["errorCode"], 429)
                    self.wait_logged(f"address={client}")
                    status, other = self.head_of(header(neighbour))
                    self.assertIn("101", status)
                    first.close()
                    other.close()
                    self.until_accepted(header(client)).close()

    def until_accepted(self, header):
        deadline = time.monotonic() + SECONDS
        while True:
            status, client = self.head_of(header)
            if "101" in status:
                return client
            client.close()
            self.assertLess(time.monotonic(), deadline, "who went left no place")

    def test_ipv6_is_counted_by_its_network(self):
        self.behind_a_proxy(limits__address_connections=1)
        self.assertIn("101", self.head_of(line("2001:db8:0:1::1"))[0])
        self.assertIn("429", self.head_of(binary("2001:db8:0:1:9:9:9:9"))[0])
        self.assertIn("429", self.head_of(line("2001:db8:0:1::2"))[0])

    def test_a_trusted_proxy_must_send_its_header(self):
        self.behind_a_proxy()
        status, client = self.head_of(b"")
        self.assertIn("400", status)
        self.assertIn("proxy.trusted", json.loads(client.rest())["message"])
        for broken in (b"PROXY TCP4 192.0.2.1\r\n", b"PROXY TCP4 " + b"1" * 200, binary("192.0.2.1")[:12] + b"\x31" + b"\0" * 20):
            self.assertIn("400", self.head_of(broken)[0])

    def test_nobody_else_may_send_it(self):
        self.serve(proxy__trusted='["192.0.2.0/24"]')
        for header in (line("192.0.2.1"), binary("192.0.2.1")):
            status, client = self.head_of(header)
            self.assertIn("400", status)
            self.assertIn("not in proxy.trusted", json.loads(client.rest())["message"])
        self.assertIn("101", self.head_of(b"")[0])


class Addresses(LimitsTest):
    def test_attempts_beyond_the_rate_are_refused_and_neighbours_are_not(self):
        self.behind_a_proxy(limits__address_rate=1, limits__address_burst=3)
        for _ in range(3):
            self.assertIn("101", self.head_of(line("192.0.2.1"))[0])
        # Not always the fourth: a token flows back each second that a slow machine takes for these.
        deadline = time.monotonic() + SECONDS
        while "429" not in self.head_of(line("192.0.2.1"))[0]:
            self.assertLess(time.monotonic(), deadline, "the rate refused nobody")
        self.assertIn("101", self.head_of(line("192.0.2.2"))[0])
        deadline = time.monotonic() + SECONDS
        while "101" not in self.head_of(line("192.0.2.1"))[0]:
            self.assertLess(time.monotonic(), deadline, "the rate never let another in")
            time.sleep(0.1)

    def test_strangers_of_an_address_are_fewer_than_its_sessions(self):
        self.behind_a_proxy(limits__address_unauthenticated=1)
        for i in range(3):
            status, client = self.head_of(line("192.0.2.1"))
            self.assertIn("101", status)
            client.send(hello(self.server, "alice", f"device-{i}"))
            self.assertIn(b"welcome", client.next_frame()[1])
        self.assertIn("101", self.head_of(line("192.0.2.1"))[0])
        self.assertIn("429", self.head_of(line("192.0.2.1"))[0])

    def test_this_machine_has_no_limits_of_an_address(self):
        self.serve(limits__address_connections=1, limits__address_unauthenticated=1, limits__address_rate=1)
        for _ in range(5):
            self.assertIn("101", self.head_of(b"")[0])

    def test_metrics_say_who_was_refused_and_why(self):
        self.behind_a_proxy(limits__address_connections=1)
        self.assertIn("101", self.head_of(line("192.0.2.1"))[0])
        self.assertIn("429", self.head_of(line("192.0.2.1"))[0])
        self.assertIn("400", self.head_of(b"")[0])
        page = metrics_page(self.server)
        for reason, count in (("address_connections", 1), ("proxy_header", 1), ("address_rate", 0)):
            self.assertIn(f'parley_connections_refused_total{{reason="{reason}"}} {count}\n', page)
        self.assertIn("\nparley_addresses 1\n", page)


class Tls(LimitsTest):
    def test_the_log_names_who_is_refused_without_words(self):
        certificate, key = make_certificate(self.enterContext(tempfile.TemporaryDirectory()))
        self.serve("--tls-cert", certificate, "--tls-key", key, "--log-level", "debug", limits__connections=4)
        for _ in range(8):
            self.connect()
        self.wait_logged("listener.refused reason=connections address=127.0.0.1")
        self.wait_logged("listener.connection_refused reason=connections address=127.0.0.1")


class Strangers(LimitsTest):
    def test_too_many_that_do_not_say_hello_are_told_4290(self):
        self.serve("--threads", "1", limits__unauthenticated=2)
        strangers = {}
        deadline = time.monotonic() + SECONDS
        while True:  # not always the third: on a slow machine the oldest has had its 3 s
            self.assertLess(time.monotonic(), deadline, "as many strangers as they like")
            stranger = self.connect().upgrade()
            strangers[stranger.socket] = stranger
            codes = {}
            for one in select.select(list(strangers), [], [], 0.2)[0]:
                client = strangers.pop(one)
                opcode, payload = client.next_frame()
                codes[json.loads(payload)["goodbye"]["error"]["code"]] = client.close_code()
            if 4290 in codes:
                self.assertEqual(codes[4290], 1013)
                break

    def test_the_first_frame_may_be_as_long_as_a_hello(self):
        self.serve()
        client = self.connect().upgrade()
        client.send(frame("x" * 65537)[:100])  # its header is enough
        self.assertEqual(client.close_code(), 1009)

    def test_what_follows_the_hello_need_not_wait_for_the_welcome(self):
        self.serve()
        self.connect().open(self.server, "bob", "one")
        client = self.connect().upgrade()
        client.send(hello(self.server, "alice", "one") + submit("m1", "bob", "x" * 65000) + submit("m2", "bob", "y" * 65000))
        answers = b""
        while answers.count(b"submitResult") < 2:
            answers += client.next_frame()[1]
        self.assertNotIn(b"error", answers)

    def test_a_connection_that_says_nothing_is_ended(self):
        self.serve(limits__hello_timeout='"5s"')  # time enough to upgrade
        silent, dripping, stranger = self.connect(), self.connect(), self.connect().upgrade()
        dripping.send(b"GET / HTTP/1.1\r\nHost: a\r\n")
        self.assertEqual(silent.rest(), b"")
        self.assertEqual(dripping.rest(), b"")
        self.assertEqual(json.loads(stranger.next_frame()[1])["goodbye"]["error"]["code"], 1001)


class Descriptors(LimitsTest):
    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.server.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    async def carry(self, alice, bob, text):
        await alice.submit(["bob"], text)
        await bob.until(lambda: text in bob.incoming(), SECONDS, text)

    def test_at_its_limit_it_refuses_serves_on_and_recovers(self):
        async def run():
            self.serve("--threads", "1", wrapper=["sh", "-c", 'ulimit -n 120 && exec "$@"', "sh"])
            alice, bob = await Device(self.server, "alice").connect(), await Device(self.server, "bob").connect()
            clients = [RawClient(self.server) for _ in range(60)]
            answers = {"101": 0, "503": 0, "4290": 0}
            upgraded = []
            for client in clients:
                with contextlib.suppress(OSError):
                    client.send(upgrade_request())
                head = client.answer()
                if " 503 " in head:
                    answers["503"] += 1
                    self.assertEqual(json.loads(client.rest())["errorCode"], 503)
                elif " 101 " in head:
                    upgraded.append(client)
                    answers["101"] += 1
            # Those beyond the sessions that may be: all others hear nothing before their Hello.
            for one in select.select([client.socket for client in upgraded], [], [], SECONDS)[0]:
                client = next(client for client in upgraded if client.socket is one)
                answers["4290"] += b"4290" in client.next_frame()[1]
            print(answers, file=sys.stderr)
            self.assertGreater(answers["503"], 0)
            self.assertGreater(answers["4290"], 0)
            self.assertEqual(answers["101"] + answers["503"], 60)
            await self.carry(alice, bob, "at the limit")
            for client in clients:
                client.close()
            deadline = time.monotonic() + SECONDS
            while True:
                try:
                    carol = await Device(self.server, "carol").connect()
                    break
                except Exception as refused:
                    self.assertLess(time.monotonic(), deadline, refused)
                    await asyncio.sleep(0.1)
            for device in (alice, bob, carol):
                await device.close()
        asyncio.run(run())

    @unittest.skipIf(os.environ.get("PARLEY_SANITIZE"), "a sanitizer looks at memory through a pipe: two descriptors")
    def test_without_any_descriptor_left_it_waits_and_does_not_spin(self):
        async def run():
            self.serve()
            alice, bob = await Device(self.server, "alice").connect(), await Device(self.server, "bob").connect()
            pid = self.server.process.pid
            before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (8, before[1]))
            client = RawClient(self.server)  # by the kernel, which has room
            client.send(upgrade_request())
            await asyncio.to_thread(self.wait_logged, "listener.accept_failed")
            spent = self.cpu_seconds()
            await asyncio.sleep(1)
            self.assertLess(self.cpu_seconds() - spent, 0.3)
            await self.carry(alice, bob, "without descriptors")
            resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
            self.assertIn("101", await asyncio.to_thread(client.answer))
            client.close()
            await alice.close()
            await bob.close()
        asyncio.run(run())


if __name__ == "__main__":
    unittest.main()
