"""Several applications on one server, their secrets, and the sessions that their tokens open (R22, R23)."""

import asyncio
import json
import pathlib
import signal
import stat
import time
import unittest

from program import SECONDS, ProgramTest
from parley_json import Device, Refused, make_token  # noqa: E402


class Applications(ProgramTest):
    def create(self, *arguments):
        return json.loads(pathlib.Path(self.ask("app", "create", *arguments)["file"]).read_text())

    def read(self, key):
        return json.loads((self.data / "applications" / f"{key}.json").read_text())

    async def opens(self, server, application, user="carol", **token):
        device = Device(server, user, "d")
        try:
            await device.connect(make_token(application, user, **token))
        except Refused as refused:
            self.assertEqual(refused.code, 2002)
            return False
        finally:
            await device.drop()
        return True

    async def goodbye(self, device):
        return (await device.until(lambda: device.goodbye, SECONDS, "a goodbye"))["error"]["code"]

    def test_two_applications_with_the_same_users_stay_apart(self):  # R23
        server = self.serve()
        other = self.create("--key", "other")
        self.assertEqual(stat.S_IMODE((self.data / "applications" / "other.json").stat().st_mode), 0o600)

        async def talk():
            devices = {}
            for name, application in (("first", server.application), ("other", other)):
                devices[name] = [Device(server, user, "d") for user in ("alice", "bob")]
                for device in devices[name]:
                    await device.connect(make_token(application, device.user))
            for name, (alice, _) in devices.items():
                await alice.result(await alice.submit(["bob"], f"from {name}"))
            for name, (_, bob) in devices.items():
                await bob.until_incoming([f"from {name}"])
            only_here = Device(server, "dave", "d")
            await only_here.connect(make_token(other, "dave"))
            alice = devices["first"][0]
            answer = await alice.result(await alice.submit(["dave"], "are you there?"))
            self.assertEqual(answer["recipients"][0]["error"]["code"], 2000)
            # A token of one for the other, signed with either secret.
            for secret in (server.application["applicationSecret"], other["applicationSecret"]):
                mixed = {"issuer": other["issuer"], "applicationSecret": secret}
                self.assertEqual(await self.opens(server, mixed), secret == other["applicationSecret"])
            for device in (*devices["first"], *devices["other"], only_here):
                await device.close()
        asyncio.run(talk())
        self.assertEqual(self.ask("user", "list")["users"], ["alice", "bob"])
        self.assertEqual(self.ask("user", "list", "--app", "other")["users"], ["alice", "bob", "carol", "dave"])

    def test_a_rotated_secret_stays_valid_until_it_is_dropped(self):  # R22
        server = self.serve()
        for key in (server.application["applicationKey"], self.create()["applicationKey"]):
            def now():
                return self.read(key) if (self.data / "applications" / f"{key}.json").exists() else server.application
            old = now()

            async def live_through_rotation():
                device = Device(server, "alice", "d")
                await device.connect(make_token(old, "alice"))
                self.assertTrue(self.ask("app", "rotate", key)["previous_secret"])
                new = now()
                self.assertNotEqual(new["applicationSecret"], old["applicationSecret"])
                self.assertEqual(await self.opens(server, old), True)
                self.assertEqual(await self.opens(server, new), True)
                listed = {one["application"]: one["previous_secret"] for one in self.ask("app", "list")["applications"]}
                self.assertTrue(listed[key])
                self.assertFalse(self.ask("app", "rotate", key, "--drop-previous")["previous_secret"])
                self.assertEqual(await self.opens(server, old), False)
                self.assertEqual(await self.opens(server, new), True)
                self.assertIsNone(device.goodbye)
                self.assertIn("no previous secret", self.refuse(1, "app", "rotate", key, "--drop-previous", "--data", "data"))
                await device.close()
                return new
            new = asyncio.run(live_through_rotation())
            new.pop("previousApplicationSecret")
            self.assertEqual(now(), new)
        self.assertEqual(server.end(), 0)
        for secret in (old["applicationSecret"], new["applicationSecret"]):
            self.assertNotIn(secret, server.errors())

    def test_what_is_changed_without_a_server_counts_from_the_next_start(self):
        self.serve().end()
        other = self.create("--key", "other")
        self.ask("app", "rotate", "other")
        newer = self.read("other")
        self.assertEqual(newer["previousApplicationSecret"], other["applicationSecret"])
        server = self.serve()
        self.assertTrue(asyncio.run(self.opens(server, other)))
        self.assertTrue(asyncio.run(self.opens(server, newer)))
        server.end()
        self.ask("app", "remove", "other")
        server = self.serve()
        self.assertFalse(asyncio.run(self.opens(server, newer)))

    def test_a_removed_application_ends_its_sessions_and_can_be_erased(self):
        server = self.serve()
        other = self.create("--key", "other")

        async def live_until_it_is_removed():
            mine = Device(server, "alice", "d")
            await mine.connect()
            theirs = Device(server, "alice", "d")
            await theirs.connect(make_token(other, "alice"))
            await theirs.result(await theirs.submit(["alice"], "to me"))
            await theirs.until_incoming(["to me"])
            for wrong in ("othe", "OTHER", "nothing"):
                for more in ((), ("--erase",)):
                    self.assertIn("no application", self.refuse(1, "app", "remove", wrong, *more, "--data", "data"))
            first = server.application["applicationKey"]
            self.assertIn("application.json", self.refuse(1, "app", "remove", first, "--data", "data"))
            self.ask("app", "remove", "other")
            self.assertEqual(await self.goodbye(theirs), 2002)
            self.assertFalse(await self.opens(server, other))
            await mine.result(await mine.submit(["alice"], "still here"))
            await mine.close()
        asyncio.run(live_until_it_is_removed())
        self.assertFalse((self.data / "applications" / "other.json").exists())
        # What it left behind is still there, and goes when it is asked for.
        self.assertEqual(self.ask("user", "list", "--app", "other")["users"], ["alice"])
        self.assertEqual(self.ask("app", "remove", "other", "--erase"), {"erased_users": 1})
        self.assertIn("no application other", self.refuse(1, "user", "list", "--app", "other", "--data", "data"))
        self.assertEqual(self.ask("user", "list")["users"], ["alice"])
        status, _ = server.control(f"/v1/applications/{server.application['applicationKey']}/erase-users", "POST")
        self.assertEqual(status, 409)

    def test_mistakes_are_told(self):
        server = self.serve()
        self.create("--key", "other")
        self.assertIn("already", self.refuse(1, "app", "create", "--key", "other", "--data", "data"))
        self.assertIn("../x", self.refuse(2, "app", "create", "--key", "../x", "--data", "data"))
        self.assertIn("KEY", self.refuse(2, "app", "rotate", "--data", "data"))
        self.assertIn("no application", self.refuse(1, "app", "rotate", "none", "--data", "data"))
        server.end()
        (self.data / "applications" / "broken.json").write_text("{")
        self.assertIn("broken.json", self.refuse(2, "check", "--data", "data"))
        self.assertIn("broken.json", self.refuse(2, "--data", "data", "--listen", "127.0.0.1:0"))
        self.assertIn("broken.json", self.refuse(2, "app", "list", "--data", "data"))

    def test_sighup_reads_the_files_again(self):
        server = self.serve()
        other = self.create("--key", "other")
        file = self.data / "applications" / "other.json"
        kept = file.read_text()

        async def live_through_reloads():
            device = Device(server, "alice", "d")
            await device.connect(make_token(other, "alice"))
            file.write_text("{")
            server.process.send_signal(signal.SIGHUP)
            server.wait_logged("applications.not_reloaded")
            self.assertTrue(await self.opens(server, other))
            file.unlink()
            server.process.send_signal(signal.SIGHUP)
            self.assertEqual(await self.goodbye(device), 2002)
        asyncio.run(live_through_reloads())
        file.write_text(kept)
        server.process.send_signal(signal.SIGHUP)
        server.wait_logged("applications.reloaded count=2")
        self.assertTrue(asyncio.run(self.opens(server, other)))

    def test_a_session_ends_after_its_token_and_its_grace(self):  # R22
        (self.folder / "p.toml").write_text('[tokens]\ngrace = "4s"\n')
        server = self.serve("--config", "p.toml")

        async def outlive_the_token():
            ended, refreshed = Device(server, "alice", "d"), Device(server, "bob", "d")
            # Of whole seconds, before they are made: the session ends no earlier than these and the grace.
            expires = int(time.time()) + 5
            for device in (ended, refreshed):
                await device.connect(make_token(server.application, device.user, ttl=5))
            await refreshed.send({"refresh": {"token": make_token(server.application, "bob")}})
            self.assertEqual(await self.goodbye(ended), 2002)
            self.assertGreaterEqual(time.time(), expires + 3.9)
            await refreshed.result(await refreshed.submit(["bob"], "still here"))
            self.assertIsNone(refreshed.goodbye)
            await refreshed.close()
        asyncio.run(outlive_the_token())


if __name__ == "__main__":
    unittest.main()
