"""Parley's promises as an independent client sees them (spec/wire.md, spec/semantics.md). Needs PARLEYD=path of parleyd."""

import asyncio
import json
import random
import unittest
import urllib.error
import urllib.request
import uuid

import websockets

from parley_json import Device, Refused, Server, make_token


class Interop(unittest.IsolatedAsyncioTestCase):
    flags = ()

    async def asyncSetUp(self):
        self.server = Server(*self.flags).start()
        self.devices = []

    async def asyncTearDown(self):
        for device in self.devices:
            await device.drop()
        self.server.close()

    async def device(self, user, device_id=None, messaging=True):
        device = Device(self.server, user, device_id, messaging)
        self.devices.append(device)
        return await device.connect()

    def accepted(self, result):
        return [r["recipientId"] for r in result["recipients"] if not r.get("error")]


class TheStraightPath(Interop):
    async def test_sent_then_delivered(self):  # R2, R3, R5
        bob, alice = await self.device("bob"), await self.device("alice")
        message = await alice.submit(["bob"], "Hi there!", headers={"lang": "en"})
        result = await alice.result(message)
        self.assertEqual(self.accepted(result), ["bob"])
        self.assertGreater(int(result["acceptedAtMs"]), 0)
        await bob.until_incoming(["Hi there!"])
        incoming = bob.of("incoming")[0]
        self.assertEqual(incoming["messageId"], message)
        self.assertEqual(incoming["senderId"], "alice")
        self.assertEqual(incoming["recipientIds"], ["bob"])
        self.assertEqual(incoming["headers"], {"lang": "en"})
        self.assertEqual(incoming["idempotencyKey"], message)
        self.assertEqual(incoming["acceptedAtMs"], result["acceptedAtMs"])
        await alice.until_delivered(message, "bob")
        kinds = [next(k for k in ("incoming", "sent", "delivered") if k in e) for e in alice.events]
        self.assertEqual(kinds, ["sent", "delivered"])
        sent = alice.of("sent")[0]
        self.assertEqual(sent["recipientIds"], ["bob"])
        self.assertEqual(sent["originDeviceId"], alice.device_id)
        self.assertEqual(sent["recipientAcceptedAtMs"], [result["acceptedAtMs"]])
        self.assertEqual(alice.of("delivered")[0]["idempotencyKey"], message)

    async def test_several_recipients_fail_and_succeed_on_their_own(self):  # R4, R13
        bob = await self.device("bob")
        await self.device("mute", messaging=False)
        alice = await self.device("alice")
        message = await alice.submit(["bob", "nobody", "mute", "bob"], "to all")
        result = await alice.result(message)
        self.assertEqual([r["recipientId"] for r in result["recipients"]], ["bob", "nobody", "mute"])
        codes = [(r.get("error") or {}).get("code") for r in result["recipients"]]
        self.assertEqual(codes, [None, 2000, 2001])
        await bob.until_incoming(["to all"])
        await alice.until_delivered(message, "bob")
        self.assertEqual(alice.of("sent")[0]["recipientIds"], ["bob"])

    async def test_a_message_to_oneself_comes_in_on_each_device(self):  # R16
        one, two = await self.device("alice"), await self.device("alice")
        message = await one.submit(["alice"], "note")
        for device in (one, two):
            await device.until_incoming(["note"])
            await device.until_delivered(message, "alice")
            self.assertEqual(len(device.of("sent")), 1)

    async def test_every_device_of_both_users_sees_everything(self):  # R2, R3, R6
        bobs = [await self.device("bob") for _ in range(3)]
        alices = [await self.device("alice") for _ in range(2)]
        ids = [await alices[0].submit(["bob"], f"m{i}") for i in range(20)]
        for bob in bobs:
            await bob.until_incoming([f"m{i}" for i in range(20)])
        for alice in alices:
            await alice.until_delivered(ids[-1], "bob")
            self.assertEqual([s["message"]["messageId"] for s in alice.of("sent")], ids)
            self.assertEqual(sorted(d["messageId"] for d in alice.of("delivered")), sorted(ids))
        self.assertEqual([e["sequence"] for e in bobs[0].events], [e["sequence"] for e in bobs[2].events])

    async def test_64_bit_integers_may_be_numbers_and_unknown_fields_are_ignored(self):
        bob, alice = await self.device("bob"), await self.device("alice")
        await alice.send({"submit": {"message": {"messageId": "m1", "recipientIds": ["bob"], "text": "x", "createdAtMs": 7,
                                                 "fromTheFuture": {"a": [1]}}}, "alsoNew": 1})
        await bob.until_incoming(["x"])
        self.assertEqual(bob.of("incoming")[0]["createdAtMs"], "7")
        bob.acknowledging = False
        await alice.submit(["bob"], "y")
        await bob.until_incoming(["x", "y"])
        await bob.send({"ack": {"sequence": bob.cursor[1]}})
        await alice.until(lambda: len(alice.of("delivered")) == 2)


class OfflineAndHistory(Interop):
    async def test_a_new_device_reads_the_whole_history_oldest_first(self):  # R18
        bob, alice = await self.device("bob"), await self.device("alice")
        for i in range(300):
            await alice.submit(["bob"], f"a{i}")
        await bob.until(lambda: len(bob.incoming()) == 300)
        await bob.submit(["alice"], "answer")
        await bob.until(lambda: bob.of("delivered"))
        new = await self.device("bob")
        self.assertFalse(new.welcome["cursorAccepted"])
        await new.until(lambda: new.of("delivered"))
        self.assertEqual(new.incoming(), [f"a{i}" for i in range(300)])
        self.assertEqual(new.of("sent")[0]["message"]["text"], "answer")
        self.assertEqual([e["sequence"] for e in new.events], [e["sequence"] for e in bob.events])

    async def test_absent_devices_find_everything_after_a_kill(self):  # R1, R7
        bob, alice = await self.device("bob"), await self.device("alice")
        await bob.close()
        ids = [await alice.submit(["bob"], f"o{i}") for i in range(50)]
        await alice.result(ids[-1])
        self.server.kill()
        self.server.start()
        await alice.drop()
        await bob.connect()
        self.assertTrue(bob.welcome["cursorAccepted"] or bob.cursor is None)
        await bob.until_incoming([f"o{i}" for i in range(50)])
        await alice.connect()
        await alice.until_delivered(ids[-1], "bob")
        self.assertEqual(len(alice.of("sent")), 50)
        self.assertEqual(len(alice.of("delivered")), 50)

    async def test_the_cursor_of_a_hello_acknowledges(self):  # R21
        bob, alice = await self.device("bob"), await self.device("alice")
        bob.acknowledging = False
        message = await alice.submit(["bob"], "x")
        await bob.until_incoming(["x"])
        await bob.drop()
        self.assertEqual(alice.of("delivered"), [])
        await bob.connect()
        await alice.until_delivered(message, "bob")

    async def test_a_cursor_of_another_epoch_or_ahead_of_the_head_is_void(self):  # R19
        bob, alice = await self.device("bob"), await self.device("alice")
        await alice.submit(["bob"], "x")
        await bob.until_incoming(["x"])
        for cursor in (("elsewhere", bob.cursor[1]), (bob.cursor[0], bob.cursor[1] + 1_000_000_000)):
            await bob.drop()
            bob.cursor = cursor
            bob.events.clear()
            await bob.connect()
            self.assertFalse(bob.welcome["cursorAccepted"])
            await bob.until_incoming(["x"])

    async def test_the_window_bounds_what_is_unacknowledged(self):  # R20
        bob, alice = await self.device("bob"), await self.device("alice")
        bob.acknowledging = False
        window = bob.welcome["limits"]["unackedEvents"]
        ids = [await alice.submit(["bob"], "x") for _ in range(window + 50)]
        await alice.result(ids[-1])
        await bob.until(lambda: len(bob.events) == window)
        await asyncio.sleep(0.3)
        self.assertEqual(len(bob.events), window)
        bob.acknowledging = True
        await bob.ack()
        await bob.until(lambda: len(bob.events) == window + 50)


class Idempotency(Interop):
    async def test_the_same_key_is_stored_once_over_kills_and_copies(self):  # R8, R12
        bob, alice = await self.device("bob"), await self.device("alice")
        first = await alice.submit(["bob"], "once")
        time_of_first = (await alice.result(first))["recipients"][0]["acceptedAtMs"]
        self.server.kill()
        self.server.start()
        await alice.drop(), await bob.drop()
        await alice.connect(), await bob.connect()
        alice.results.clear()
        again = await alice.submit(["bob"], "other content", message_id=first)
        result = (await alice.result(again))["recipients"][0]
        self.assertTrue(result["duplicate"])
        self.assertEqual(result["acceptedAtMs"], time_of_first)
        copy = await alice.submit(["bob", "alice"], "a copy", key=first)
        answers = (await alice.result(copy))["recipients"]
        self.assertEqual([bool(a.get("duplicate")) for a in answers], [True, False])
        last = await alice.submit(["bob"], "last")
        await bob.until_incoming(["once", "last"])
        await alice.until_delivered(last, "bob")
        sent = alice.of("sent")
        self.assertEqual([s["recipientIds"] for s in sent], [["bob"], ["bob", "alice"], ["bob"]])
        self.assertEqual(len([d for d in alice.of("delivered") if d["recipientId"] == "bob"]), 2)

    async def test_open_recipients_narrow_a_submission(self):
        bob, carol, alice = await self.device("bob"), await self.device("carol"), await self.device("alice")
        message = await alice.submit(["bob", "carol"], "x", open_recipients=["carol"])
        self.assertEqual(self.accepted(await alice.result(message)), ["carol"])
        await carol.until_incoming(["x"])
        self.assertEqual(carol.of("incoming")[0]["recipientIds"], ["bob", "carol"])
        self.assertEqual(bob.incoming(), [])


class Sessions(Interop):
    async def refusal(self, token, device_id="d1", user="alice"):
        device = Device(self.server, user, device_id)
        self.devices.append(device)
        with self.assertRaises(Refused) as refused:
            await device.connect(token)
        return refused.exception.code

    async def test_bad_tokens_are_refused_with_one_error(self):  # R22
        app = self.server.application
        good = make_token(app, "alice")
        for bad in ("", "x", "a.b.c", good[:-2] + "AA", make_token(app, "alice", alg="none"), make_token(app, "alice", ttl=-120),
                    make_token(app, "alice", day="20180102"), make_token(dict(app, issuer=app["issuer"] + "x"), "alice"),
                    make_token(app, "alice", secret="AAAA"), make_token(app, "alice", device="d2"),
                    make_token(app, "alice", now=4_000_000_000)):
            self.assertEqual(await self.refusal(bad), 2002, bad)
        self.assertTrue((await Device(self.server, "alice", "d1").connect(make_token(app, "alice", device="d1"))).welcome)

    async def test_a_newer_session_of_the_device_replaces_the_older(self):  # R24
        old = await self.device("alice", "phone")
        new = await self.device("alice", "phone")
        await old.until(lambda: old.goodbye)
        self.assertEqual(old.goodbye["error"]["code"], 3001)
        await new.submit(["alice"], "still here")
        await new.until_incoming(["still here"])

    async def test_without_messaging_no_events_and_no_submissions(self):  # R15
        mute = await self.device("mute", messaging=False)
        await mute.submit(["mute"], "x")
        await mute.until(lambda: mute.goodbye)
        self.assertEqual(mute.goodbye["error"]["code"], 3400)

    async def test_a_sender_cannot_take_another_name(self):  # R23
        bob, mallory = await self.device("bob"), await self.device("mallory")
        await mallory.send({"submit": {"message": {"messageId": "m", "senderId": "alice", "recipientIds": ["bob"], "text": "x",
                                                   "acceptedAtMs": "1"}}})
        await bob.until_incoming(["x"])
        self.assertEqual(bob.of("incoming")[0]["senderId"], "mallory")
        self.assertGreater(int(bob.of("incoming")[0]["acceptedAtMs"]), 1000)

    async def test_a_refresh_keeps_the_session_and_one_for_another_user_ends_it(self):
        alice = await self.device("alice")
        await alice.send({"refresh": {"token": make_token(self.server.application, "alice", ttl=7200)}})
        await alice.submit(["alice"], "x")
        await alice.until_incoming(["x"])
        await alice.send({"refresh": {"token": make_token(self.server.application, "bob")}})
        await alice.until(lambda: alice.goodbye)
        self.assertEqual(alice.goodbye["error"]["code"], 2002)

    async def test_drain_says_goodbye_and_exits_with_0(self):
        alice = await self.device("alice")
        code = await asyncio.get_running_loop().run_in_executor(None, self.server.terminate)
        self.assertEqual(code, 0)
        await alice.until(lambda: alice.goodbye)
        self.assertEqual(alice.goodbye["error"]["code"], 3002)
        self.assertTrue(alice.goodbye["error"]["retryable"])


class Limits(Interop):
    async def refused_message(self, **changes):
        alice = await self.device("alice", "limits")
        message = {"messageId": str(uuid.uuid4()), "recipientIds": ["alice"], "text": "x"}
        message.update(changes)
        await alice.send({"submit": {"message": message}})
        result = await alice.result(message["messageId"])
        self.assertEqual(result["error"]["code"], 4000, changes.keys())
        self.assertGreater(len(result["error"]["description"]), 10)
        self.assertEqual(result.get("recipients", []), [])
        after = await alice.submit(["alice"], "the session goes on")
        self.assertEqual(self.accepted(await alice.result(after)), ["alice"])
        await alice.close()

    async def test_over_a_limit_is_4000_and_the_session_stays_up(self):  # R13
        await self.refused_message(text="x" * 65537)
        await self.refused_message(headers={"k": "v" * 4096})
        await self.refused_message(recipientIds=[])
        await self.refused_message(recipientIds=[f"u{i}" for i in range(1001)])
        await self.refused_message(recipientIds=[f"{i:0255d}" for i in range(300)])
        await self.refused_message(recipientIds=["u" * 256])
        await self.refused_message(recipientIds=["with space"])
        await self.refused_message(messageId="not url safe!")
        await self.refused_message(idempotencyKey="k" * 65)

    async def test_the_largest_message_fits(self):
        alice = await self.device("alice")
        text = "\u0001" * 65536
        message = await alice.submit(["alice"], text, headers={"k": "\u0001" * 4095})
        self.assertEqual(self.accepted(await alice.result(message)), ["alice"])
        await alice.until_incoming([text])


class Hostile(Interop):
    async def end_of(self, *payloads, subprotocol="parley.v1.json", hello=True):
        """Sends these after a Hello and returns (error code of the Goodbye or None, close code)."""
        async with websockets.connect(self.server.url, subprotocols=[subprotocol], max_size=None, compression=None) as socket:
            if hello:
                await socket.send(json.dumps({"hello": {"token": make_token(self.server.application, "mallory"),
                                                        "deviceId": "m", "supportsMessaging": True}}))
                await socket.recv()
            goodbye = None
            try:
                for payload in payloads:
                    await socket.send(payload)
                while True:
                    frame = json.loads(await asyncio.wait_for(socket.recv(), 10))
                    if "goodbye" in frame:
                        goodbye = frame["goodbye"]["error"]["code"]
            except websockets.ConnectionClosed as closed:
                return goodbye, closed.rcvd.code if closed.rcvd else None

    async def test_rubbish_ends_the_session_with_a_reason(self):
        for payload in ("", "rubbish", "{", "[]", "null", "{}", '{"nothing":{}}', '{"submit":3}', '{"ack":{"sequence":"-1"}}',
                        '{"hello":{}}', "[" * 100_000, '{"submit":{"message":' * 1000,
                        '{"ack":{"sequence":"999999999999"}}', '{"ack":{"sequence":1e400}}'):
            self.assertEqual(await self.end_of(payload), (3400, 1008), payload[:40])
        self.assertEqual(await self.end_of('{"ack":{"sequence":"1"}}', hello=False), (3400, 1008))
        self.assertEqual(await self.end_of(b"\x00\x01"), (None, 1003))

    async def test_too_large_is_1009(self):
        self.assertEqual(await self.end_of("x" * (2 * 1024 * 1024 + 1)), (None, 1009))

    async def test_an_upgrade_without_a_subprotocol_is_told_which_there_are(self):
        for subprotocols in (None, ["chat"]):
            with self.assertRaises(websockets.InvalidStatusCode) as refused:
                await websockets.connect(self.server.url, subprotocols=subprotocols)
            self.assertEqual(refused.exception.status_code, 400)

    async def test_raw_rubbish_costs_nobody_anything(self):
        alice = await self.device("alice")
        for seed in range(40):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
            noise = random.Random(seed)
            if seed % 2:
                writer.write(b"GET /v1/connect HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                             b"Sec-WebSocket-Protocol: parley.v1.json\r\n\r\n")
            writer.write(noise.randbytes(noise.randrange(1, 5000)))
            try:
                await writer.drain()
                if seed % 3 == 0:
                    await asyncio.wait_for(reader.read(100), 0.2)
            except (ConnectionError, asyncio.TimeoutError):
                pass
            writer.close()
        message = await alice.submit(["alice"], "still served")
        await alice.until_delivered(message, "alice")


class Http(Interop):
    async def fetch(self, path, method="GET"):
        def call():
            request = urllib.request.Request(f"http://127.0.0.1:{self.server.port}{path}", method=method)
            try:
                with urllib.request.urlopen(request, timeout=10) as response:
                    return response.status, response.read()
            except urllib.error.HTTPError as error:
                return error.code, error.read()
        return await asyncio.get_running_loop().run_in_executor(None, call)

    async def test_health_and_unknown_paths(self):
        for path in ("/healthz", "/readyz"):
            status, body = await self.fetch(path)
            self.assertEqual(status, 200)
            json.loads(body)
        for path, method, status in (("/nothing", "GET", 404), ("/healthz", "DELETE", 405), ("/metrics", "GET", 404)):
            got, body = await self.fetch(path, method)
            self.assertEqual(got, status, path)
            self.assertIn("errorCode", json.loads(body))
            self.assertIn("message", json.loads(body))


if __name__ == "__main__":
    unittest.main()
