"""Users, their devices and sessions, as an operator sees and ends them."""

import asyncio
import base64
import contextlib
import http.client
import json
import os
import subprocess
import time
import unittest

from program import BINARY, ProgramTest, SECONDS, obey_modes
from parley_json import Device, Refused  # noqa: E402


class Users(ProgramTest):
    async def goodbye(self, device):
        return (await device.until(lambda: device.goodbye, SECONDS, "a goodbye"))["error"]["code"]

    async def error_of(self, sender, recipient):
        return (await sender.result(await sender.submit([recipient], "hello")))["recipients"][0].get("error", {}).get("code")

    def both_ways(self, server):
        """Goes through its body with the server running and once more without it."""
        yield "with a server"
        self.assertEqual(server.end(), 0)
        yield "without one"

    def test_a_disabled_user_is_sent_away_and_kept_away(self):
        server = self.serve()

        async def disable_and_enable():
            alice, bob = Device(server, "alice", "a"), Device(server, "bob", "b")
            for device in (alice, bob):
                await device.connect()
            await alice.result(await alice.submit(["bob"], "before"))
            await bob.until_incoming(["before"])
            self.assertEqual(self.ask("user", "disable", "bob")["disabled"], True)
            self.assertEqual(await self.goodbye(bob), 5000)
            with self.assertRaises(Refused) as refused:
                await bob.connect()
            self.assertEqual(refused.exception.code, 5000)
            self.assertEqual(await self.error_of(alice, "bob"), 5000)
            shown = self.ask("user", "show", "bob")
            self.assertEqual((shown["disabled"], shown["sessions"], shown["devices"]), (True, 0, 1))
            self.assertEqual(self.ask("user", "enable", "bob")["disabled"], False)
            await bob.connect()
            self.assertEqual(await self.error_of(alice, "bob"), None)
            await bob.until_incoming(["before", "hello"])
            for device in (alice, bob):
                await device.close()
        asyncio.run(disable_and_enable())
        self.assertIn("not disabled", self.refuse(1, "user", "enable", "bob", "--data", "data"))
        self.assertEqual(server.end(), 0)
        # Without a server, and a user who never came.
        self.ask("user", "disable", "bob")
        self.assertEqual(self.ask("user", "disable", "mallory")["registered"], False)
        server = self.serve()

        async def all_refused():
            for user in ("bob", "mallory"):
                with self.assertRaises(Refused) as refused:
                    await Device(server, user).connect()
                self.assertEqual(refused.exception.code, 5000)
        asyncio.run(all_refused())

    def test_an_erased_user_is_gone_and_what_others_hold_stays(self):  # R19
        server = self.serve()

        async def erase():
            alice, bob = Device(server, "alice", "a"), Device(server, "bob", "b")
            for device in (alice, bob):
                await device.connect()
            await alice.result(await alice.submit(["bob"], "to bob"))
            await bob.result(await bob.submit(["alice"], "from bob"))
            await alice.until_incoming(["from bob"])
            await bob.until_incoming(["to bob"])
            answer = self.ask("user", "erase", "bob")
            self.assertEqual((answer["erased"], answer["ended_sessions"]), (True, 1))
            self.assertEqual(await self.goodbye(bob), 3004)
            self.assertEqual(await self.error_of(alice, "bob"), 2000)
            again = Device(server, "alice", "new")
            await again.connect()
            await again.until_incoming(["from bob"])
            # A device of before: its cursor is void, and nothing of before comes.
            await bob.connect()
            self.assertFalse(bob.welcome["cursorAccepted"])
            bob.events.clear()
            await alice.result(await alice.submit(["bob"], "welcome back"))
            await bob.until_incoming(["welcome back"])
            for device in (alice, bob, again):
                await device.close()
        asyncio.run(erase())
        for way in self.both_ways(server):
            with self.subTest(way):
                self.ask("user", "erase", "bob" if way == "with a server" else "alice")
                self.assertIn("no user nobody", self.refuse(1, "user", "erase", "nobody", "--data", "data"))
                self.assertIn("no user bob", self.refuse(1, "user", "show", "bob", "--data", "data"))
        self.assertEqual(self.ask("user", "list"), {"users": [], "more": False})

    def test_the_bytes_of_an_erased_user_leave_the_files(self):
        server = self.serve()
        marker = base64.b64encode(os.urandom(60)).decode()

        def is_on_disk():
            for path in (self.data / "store").rglob("*"):
                # The engine removes files meanwhile.
                with contextlib.suppress(FileNotFoundError, IsADirectoryError):
                    if marker.encode() in path.read_bytes():
                        return True
            return False

        async def talk(text):
            alice, bob = Device(server, "alice", "a"), Device(server, "bob", "b")
            for device in (alice, bob):
                await device.connect()
            await bob.result(await bob.submit(["bob"], text))  # to himself: nobody else has it
            await bob.until_incoming([text])
            await alice.result(await alice.submit(["alice"], "mine"))
            for device in (alice, bob):
                await device.close()
        asyncio.run(talk(marker))
        # Into tables: from the log alone it would go by itself.
        self.assertEqual(server.end(), 0)
        server = self.serve()
        self.assertTrue(is_on_disk(), "what is looked for cannot be found like this")
        self.ask("user", "erase", "bob")
        deadline = time.monotonic() + SECONDS
        while is_on_disk():
            self.assertLess(time.monotonic(), deadline, "the text is still on the disk")
            time.sleep(0.2)
        self.assertEqual(server.control("/readyz")[0], 200)

        async def others_keep_theirs():
            alice = Device(server, "alice", "new")
            await alice.connect()
            await alice.until_incoming(["mine"])
            await alice.close()
        asyncio.run(others_keep_theirs())
        self.assertEqual(server.end(), 0)

    def test_a_ban_outlives_an_erase(self):
        server = self.serve()

        async def come(expected):
            bob = Device(server, "bob", "b")
            try:
                await bob.connect()
            except Refused as refused:
                self.assertEqual(refused.code, expected)
            else:
                self.assertIsNone(expected)
            await bob.drop()
        asyncio.run(come(None))
        self.ask("user", "disable", "bob")
        self.ask("user", "erase", "bob")
        asyncio.run(come(5000))
        shown = self.ask("user", "show", "bob")
        self.assertEqual((shown["registered"], shown["disabled"], shown["devices"]), (False, True, 0))
        self.ask("user", "enable", "bob")
        asyncio.run(come(None))

    def test_sessions_are_listed_and_ended(self):
        server = self.serve()

        async def end_some():
            phone, tablet, bob = Device(server, "alice", "phone"), Device(server, "alice", "tablet"), Device(server, "bob", "b")
            for device in (phone, tablet, bob):
                await device.connect()
            bob.acknowledging = False
            await phone.result(await phone.submit(["bob"], "hello"))
            await bob.until_incoming(["hello"])
            listed = self.ask("session", "list")
            self.assertEqual([(s["user"], s["device"]) for s in listed["sessions"]],
                             [("alice", "phone"), ("alice", "tablet"), ("bob", "b")])
            one = self.ask("session", "list", "--user", "bob")["sessions"][0]
            self.assertEqual((one["address"], one["subprotocol"], one["messaging"], one["unacknowledged_events"]),
                             ("127.0.0.1", "parley.v1.json", True, 1))
            self.assertRegex(one["since"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
            limited = self.ask("session", "list", "--limit", "1")
            self.assertEqual((len(limited["sessions"]), limited["total"]), (1, 3))
            self.assertEqual(self.ask("session", "end", "alice", "tablet"), {"ended_sessions": 1})
            self.assertEqual(await self.goodbye(tablet), 3002)
            self.assertTrue(tablet.goodbye["error"]["retryable"])
            self.assertIsNone(phone.goodbye)
            await tablet.connect()
            # What was mistyped does not mean "all".
            path = f"/v1/applications/{server.application['applicationKey']}/sessions"
            for target, status in ((f"{path}?usr=alice", 400), (path, 400), (f"{path}?device=phone", 400), (f"{path}?all&user=alice", 400),
                                   ("/v1/applications/none/sessions?all", 404)):
                self.assertEqual(server.control(target, "DELETE")[0], status, target)
            self.assertEqual(server.control("/v1/applications/none/sessions")[0], 404)
            self.assertEqual(self.ask("session", "end", "--all"), {"ended_sessions": 3})
            for device in (phone, tablet, bob):
                self.assertEqual(await self.goodbye(device), 3002)
        asyncio.run(end_some())
        for way in self.both_ways(server):
            with self.subTest(way):
                self.assertEqual(self.ask("session", "list"), {"sessions": [], "total": 0})
                self.assertIn("no session of alice is open in application " + server.application["applicationKey"],
                              self.refuse(1, "session", "end", "alice", "--data", "data"))
                self.assertIn("there is no user zed in application " + server.application["applicationKey"],
                              self.refuse(1, "session", "end", "zed", "--data", "data"))
        self.assertIn("--all", self.refuse(2, "session", "end", "--data", "data"))

    def test_devices_are_listed_and_forgotten(self):  # R24
        server = self.serve()

        async def forget():
            phone, tablet = Device(server, "a/b%c", "phone"), Device(server, "a/b%c", "tablet")
            for device in (phone, tablet):
                await device.connect()
            listed = self.ask("device", "list", "a/b%c")["devices"]
            self.assertEqual(sorted(d["device"] for d in listed), ["phone", "tablet"])
            self.assertEqual(self.ask("device", "forget", "a/b%c", "phone")["ended_sessions"], 1)
            self.assertEqual(await self.goodbye(phone), 3002)
            self.assertIsNone(tablet.goodbye)
            await tablet.close()
        asyncio.run(forget())
        for way in self.both_ways(server):
            with self.subTest(way):
                self.assertEqual([d["device"] for d in self.ask("device", "list", "a/b%c")["devices"]], ["tablet"])
                self.assertIn("no device phone", self.refuse(1, "device", "forget", "a/b%c", "phone", "--data", "data"))
                self.assertIn("no user", self.refuse(1, "device", "list", "nobody", "--data", "data"))
        self.ask("device", "forget", "a/b%c", "tablet")
        self.assertEqual(self.ask("device", "list", "a/b%c")["devices"], [])

    @unittest.skipUnless(os.geteuid() == 0, "only root can write what the owner cannot read")
    def test_root_does_not_open_the_store_of_another_user(self):
        server = self.serve()
        os.chown(self.data, 65534, 65534)
        self.ask("app", "list")
        server.end()
        there = self.files()
        for command in (["app", "create"], ["--listen", "127.0.0.1:0"]):
            with self.subTest(command):
                self.assertRegex(self.refuse(2, *command, "--data", "data"), r"data: the folder belongs to nobody.*sudo -u nobody")
                self.assertEqual(self.files(), there)
        os.chown(self.data, 0, 0)
        self.assertEqual(len(self.ask("app", "list")["applications"]), 1)

    def files(self):
        return {path: path.lstat().st_mtime_ns for path in self.data.rglob("*")}

    @unittest.skipUnless(os.geteuid() == 0, "only root gives files away")
    def test_files_of_another_user_are_told_as_such_and_not_as_damage(self):
        self.serve().end()
        current = next(self.data.glob("store/**/CURRENT"))
        for path in (current, self.data / "LOCK", self.data / "application.json"):
            with self.subTest(path.name):
                path.chmod(0o600)
                os.chown(path, 65534, 65534)
                said = self.refuse(4, "--data", "data", "--listen", "127.0.0.1:0", prepare=obey_modes)
                self.assertRegex(said, rf"{path.name}: Permission denied to root, it belongs to nobody; .*chown -R root: data")
                self.assertNotIn("restore", said)
                os.chown(path, 0, 0)
        self.serve(prepare=obey_modes).end()

    @unittest.skipUnless(os.geteuid() == 0, "only root becomes another user")
    def test_who_may_not_look_into_the_folder_is_told_whose_it_is(self):
        server = self.serve()
        self.folder.chmod(0o711)

        def become_nobody():
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
        if subprocess.run(["test", "-x", BINARY], preexec_fn=become_nobody).returncode != 0:
            self.skipTest(f"{BINARY} cannot be run by user nobody here")
        for way in self.both_ways(server):
            for command in (["app", "list"], ["user", "list"]):
                with self.subTest(way, command=command):
                    program = self.start(*command, "--data", "data", prepare=become_nobody)
                    self.assertNotEqual(program.wait(), 0)
                    self.assertIn("data: Permission denied to nobody, the folder belongs to root: run this as that user",
                                  program.errors())

    def test_what_cannot_be_an_id_is_bad_usage_and_what_is_not_there_is_not(self):
        server = self.serve()
        key = server.application["applicationKey"]
        long = "u" * 300
        for command, bad in ((["user", "show"], long), (["user", "list", "--app"], "a/b"), (["user", "erase"], "a b"),
                             (["user", "disable", "bob", "--app"], "x" * 65), (["device", "forget", "bob"], "no device"),
                             (["device", "list"], "\x1b[2J"), (["session", "end"], long), (["session", "list", "--user"], ""),
                             (["session", "end", "bob"], "d/1"), (["app", "rotate"], "../x"), (["app", "remove", "--erase"], "a b"),
                             (["session", "list", "--limit"], "0"), (["session", "list", "--limit"], "x"),
                             (["session", "list", "--limit"], "10001")):
            with self.subTest(command=command, bad=bad[:20]):
                line = self.refuse(2, *command, bad, "--data", "data")
                self.assertLess(len(line), 220)
                self.assertTrue(line.isprintable(), line)
        for command, absent in ((["user", "show"], "u" * 255), (["user", "list", "--app"], "none"), (["device", "forget", "bob"], "d"),
                                (["session", "list", "--app"], "none"), (["app", "rotate"], "none")):
            with self.subTest(command=command, absent=absent[:20]):
                self.assertLess(len(self.refuse(1, *command, absent, "--data", "data")), 220)
        for limit in ("0", "x", "10001", ""):
            for what in ("users", "sessions"):
                status, body = server.control(f"/v1/applications/{key}/{what}?limit={limit}")
                self.assertEqual(status, 400)
                self.assertIn("wanted a whole number from 1 to 10000", json.loads(body)["message"])
        said = {json.loads(server.control(f"/v1/applications/none{rest}", method)[1])["message"] for rest, method in (
            ("/users", "GET"), ("/sessions", "GET"), ("/sessions?all", "DELETE"), ("/users/bob/disable", "POST"), ("/rotate", "POST"))}
        self.assertEqual(said, {"there is no application none; parleyd app list shows all"})

    def test_people_get_a_sentence_of_what_was_done(self):
        self.serve()
        for command, said in ((("user", "disable", "bob"), "bob is disabled: no session of theirs is open or begins, and messages to them are refused"),
                              (("user", "enable", "bob"), "bob is enabled: they may connect again"),
                              (("session", "end", "--all"), "0 sessions ended; devices may connect again")):
            program = self.start(*command, "--data", "data")
            self.assertEqual(program.process.stdout.read(), said + "\n")
            self.assertEqual(program.wait(), 0, program.errors())

    def test_people_get_a_table(self):
        self.serve()
        for command, said in ((("app", "list"), "APPLICATION "), (("session", "list"), "USER "), (("user", "list"), None)):
            program = self.start(*command, "--data", "data")
            printed = program.process.stdout.read()
            # One name a line; there is no user yet.
            self.assertEqual(printed, "") if said is None else self.assertTrue(printed.startswith(said), printed)
            self.assertEqual(program.wait(), 0)
            self.assertEqual(program.errors(), "")

    def test_only_the_control_socket_takes_commands(self):
        server = self.serve("--admin-listen", "127.0.0.1:0")
        for target, method in (("/v1/applications", "GET"), ("/v1/clock/confirm", "POST"), ("/v1/applications/x/users", "GET")):
            self.assertNotEqual(server.control(target, method)[0], 405)
            for port in (server.port, server.admin_port):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
                connection.request(method, target)
                answer = connection.getresponse()
                self.assertEqual((answer.status, json.loads(answer.read())["errorCode"]), (404, 404), target)
                connection.close()


if __name__ == "__main__":
    unittest.main()
