"""parleyd on a disk that is full or fails, as docs/cli.md and wire.md, 6, describe it."""

import asyncio
import hashlib
import os
import resource
import shutil
import subprocess
import unittest

from program import BINARY, SECONDS, ProgramTest
from parley_json import Device  # noqa: E402


class FullDisk(ProgramTest):
    def test_below_the_reserve_appends_wait_and_known_devices_connect(self):
        server = self.serve()

        async def send(answered):
            alice = Device(server, "alice", "phone")
            await alice.connect()
            message = await alice.submit(["alice"], "x")
            if not answered:
                while server.control("/readyz")[0] != 503 and not alice.results:
                    await asyncio.sleep(0.05)
                self.assertEqual(alice.results, [], "the server was never said to be not ready")
            error = (await alice.result(message))["recipients"][0].get("error")
            if answered:
                self.assertIsNone(error)
            else:
                self.assertEqual((error["code"], error["retryable"]), (1002, True))
                await alice.until(lambda: alice.goodbye, SECONDS, "a goodbye")
            await alice.close()
        asyncio.run(send(True))
        self.assertEqual(server.end(), 0)
        # More than is free, of which half is free.
        reserve = shutil.disk_usage(self.folder).free // 2 * 3
        (self.folder / "p.toml").write_text(f"[store]\nfree_space_reserve = {reserve}\n[limits]\nsubmit_timeout = \"2s\"\n")
        server = self.serve("--config", "p.toml")
        asyncio.run(send(False))
        self.assertEqual(server.control("/healthz")[0], 200)
        self.assertEqual(server.end(), 0)
        server = self.serve()
        asyncio.run(send(True))


    def test_without_room_to_open_the_store_is_code_4(self):
        (self.folder / "p.toml").write_text('[store]\nfree_space_reserve = "4000000GiB"\n')
        for _ in ("a new store", "one that is there"):
            said = self.refuse(4, "--config", "p.toml", "--data", "data", "--listen", "127.0.0.1:0")
            for part in ("data/store", "MiB are free", "MiB are wanted"):
                self.assertIn(part, said)
            self.serve().end()


class SmallDisk(ProgramTest):
    """A file system that is really full, to the last byte, because of another process."""

    def setUp(self):
        super().setUp()
        self.data.mkdir(mode=0o700)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m,mode=0700", "tmpfs", str(self.data)],
                                 capture_output=True, text=True)
        if mounted.returncode != 0:
            self.skipTest("the disk that is really full was not tried: mounting a small file system takes root (CAP_SYS_ADMIN), "
                          f"which is not given here: {mounted.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "--lazy", str(self.data)], check=True)
        (self.folder / "p.toml").write_text(
            '[store]\nfree_space_reserve = "8MiB"\n[limits]\nsubmit_timeout = "2s"\nrate_per_second = 0\n')
        self.ballast = self.data / "ballast"

    def fill(self):
        with open(self.ballast, "ab", buffering=0) as file:
            for size in (1 << 20, 1 << 12, 1):
                try:
                    while True:
                        file.write(b"x" * size)
                except OSError:
                    pass
        self.assertLess(shutil.disk_usage(self.data).free, 4096)

    async def send(self, device, texts):
        """What was accepted of these."""
        ids = [(await device.submit(["bob"], text), text) for text in texts]
        accepted = []
        for message, text in ids:
            result = await device.result(message)
            if "error" not in result["recipients"][0]:
                accepted.append(text)
        return accepted

    # R1, R7; wire.md, 6
    def test_a_full_disk_stops_submissions_and_nothing_else_and_it_goes_on_by_itself(self):
        server = self.serve("--config", "p.toml")
        asyncio.run(self.live_through(server))
        server.wait_logged("store.accepts")
        self.assertEqual(server.errors().count("store.refused"), 1, server.errors())
        self.assertEqual(server.errors().count("store.accepts"), 1, server.errors())
        self.assertEqual(server.end(), 0)

    async def live_through(self, server):
        bob, alice = Device(server, "bob", "phone"), Device(server, "alice", "phone")
        await bob.connect()
        await alice.connect()
        texts = [f"before {i} " + "x" * 20_000 for i in range(200)]
        accepted = await self.send(alice, texts)
        self.assertEqual(accepted, texts)
        await asyncio.to_thread(self.fill)
        message = await alice.submit(["bob"], "while it is full")
        error = (await alice.result(message))["recipients"][0]["error"]
        self.assertEqual((error["code"], error["retryable"]), (1002, True))
        await alice.until(lambda: alice.goodbye, SECONDS, "a goodbye")
        self.assertEqual((await asyncio.to_thread(server.control, "/readyz"))[0], 503)
        await alice.close()
        # Who only receives stays, and so does a known device that comes back.
        self.assertIsNone(bob.goodbye)
        await alice.connect()
        history = Device(server, "bob", "phone")
        await bob.close()
        await history.connect()
        await history.until(lambda: len(history.incoming()) >= 200, SECONDS, "all that was accepted")
        self.assertEqual(history.incoming(), texts)
        for _ in range(5):
            await asyncio.sleep(0.2)
            self.assertEqual((await asyncio.to_thread(server.control, "/healthz"))[0], 200)
        self.ballast.unlink()
        accepted = await self.send_until_accepted(server, alice, message)
        await history.until(lambda: history.incoming()[-1] == "while it is full", SECONDS, "the waiting message")
        self.assertEqual(history.incoming(), texts + ["while it is full"])
        await history.close()
        await alice.close()

    async def send_until_accepted(self, server, alice, message):
        """As a client does: the same message again, in its next session."""
        while True:
            alice.results.clear()
            await alice.submit(["bob"], "while it is full", message_id=message)
            result = await alice.result(message)
            if "error" not in result["recipients"][0]:
                return result
            await alice.close()
            await alice.connect()

    def test_an_idle_server_is_not_ready_as_soon_as_the_disk_is_full(self):
        server = self.serve("--config", "p.toml")
        # What it writes now must not vouch for the disk a moment later.
        asyncio.run(self.send_from(server, "alice", ["one"]))
        for _ in range(2):
            self.assertEqual(server.control("/readyz")[0], 200)
            self.fill()
            status, body = server.control("/readyz")
            self.assertEqual((status, "MiB are free" in body), (503, True), body)
            self.assertEqual(self.start("health", "--data", "data").wait(), 1)
            self.ballast.unlink()
        self.assertEqual(server.control("/readyz")[0], 200)
        self.assertEqual(server.end(), 0)

    def test_a_stop_while_it_is_full_loses_nothing(self):
        server = self.serve("--config", "p.toml")
        asyncio.run(self.send_from(server, "alice", ["one", "two"]))
        self.fill()
        self.assertEqual(server.end(), 0)
        self.fill()  # Once more: the engine may have given back what it had reserved for its log.
        self.assertIn("make room", self.refuse(4, "--config", "p.toml", "--data", "data", "--listen", "127.0.0.1:0"))
        self.ballast.unlink()
        server = self.serve("--config", "p.toml")
        self.assertEqual(asyncio.run(self.receive(server, 2)), ["one", "two"])
        self.assertEqual(server.end(), 0)

    async def send_from(self, server, user, texts):
        bob, alice = Device(server, "bob", "phone"), Device(server, user, "phone")
        await bob.connect()
        await bob.close()
        await alice.connect()
        self.assertEqual(await self.send(alice, texts), texts)
        await alice.close()

    async def receive(self, server, count):
        bob = Device(server, "bob", "other")
        await bob.connect()
        await bob.until(lambda: len(bob.incoming()) >= count, SECONDS, f"{count} messages")
        await bob.close()
        return bob.incoming()

    def test_a_backup_that_finds_no_room_leaves_nothing_half_written(self):
        server = self.serve("--config", "p.toml")
        asyncio.run(self.send_from(server, "alice", ["one"]))
        self.fill()
        done = subprocess.run([BINARY, "backup", str(self.data / "copy"), "--config", "p.toml", "--data", "data"],
                              cwd=self.folder, text=True, capture_output=True, timeout=SECONDS)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertIn("copy", done.stderr)
        self.assertEqual([p.name for p in self.data.iterdir() if p.name.startswith("copy")], [])
        # It need not be the disk of the backup that is full.
        said = self.refuse(1, "backup", "elsewhere", "--config", "p.toml", "--data", "data")
        self.assertIn(f"the disk of the data folder data that is full", said)
        self.ballast.unlink()
        self.assertEqual(server.end(), 0)


class BadBlock(ProgramTest):
    def test_a_block_that_cannot_be_read_is_told_and_stops_nobody_else(self):
        server = self.serve()
        # The engine orders mailboxes by their hash: the first one's events lie at the beginning of the table.
        application = server.application["applicationKey"]
        users = sorted(("u%d" % i for i in range(3)), key=lambda user: hashlib.sha256(
            application.encode() + b"\0" + user.encode()).digest()[:16])
        stopped, other, sender = users
        asyncio.run(self.fill(server, sender, [stopped, other]))
        self.assertEqual(server.end(), 0)
        table = max((self.data / "store" / "rocksdb").glob("*.sst"), key=lambda p: p.stat().st_size)
        content = bytearray(table.read_bytes())
        content[len(content) // 10] ^= 0x55
        table.write_bytes(content)
        server = self.serve()
        self.assertLess(asyncio.run(self.read(server, stopped, 3)), 150)
        self.assertEqual(asyncio.run(self.read(server, other, SECONDS)), 150)
        status, body = server.control("/readyz")
        self.assertEqual(status, 503)
        self.assertIn(table.name, body)
        self.assertIn("parleyd verify", body)
        server.wait_logged("store.unreadable")
        self.assertEqual(server.errors().count("store.unreadable"), 1, server.errors())
        self.assertIn(table.name, server.errors())
        # A backup is made all the same, and is not said to be good.
        backup = self.start("backup", "copy", "--data", "data")
        self.assertEqual(backup.wait(), 1)
        self.assertIn("that is damaged", backup.errors())
        self.assertIn(table.name, backup.errors())
        self.assertTrue((self.folder / "copy" / "MANIFEST").exists())
        self.assertEqual(server.end(), 0)

    async def fill(self, server, sender, recipients):
        devices = [Device(server, user, "phone") for user in (*recipients, sender)]
        for device in devices:
            await device.connect()
        for user in recipients:
            for i in range(150):
                await devices[2].submit([user], f"{i} " + os.urandom(200).hex())
        await devices[2].until(lambda: len(devices[2].results) == 300, SECONDS, "all answers")
        for device in devices:
            await device.close()

    async def read(self, server, user, seconds):
        device = Device(server, user)
        await device.connect()
        try:
            await device.until(lambda: len(device.incoming()) >= 150, seconds, "everything")
        except AssertionError:
            pass
        self.assertIsNone(device.goodbye)
        # Other work goes on in the same session.
        result = await device.result(await device.submit(["u9"], "other work"))
        self.assertEqual(result["recipients"][0]["error"]["code"], 2000)
        count = len(device.incoming())
        await device.close()
        return count


class Quota(ProgramTest):
    # R13
    def test_a_mailbox_over_its_quota_takes_no_more_until_it_is_acknowledged(self):
        (self.folder / "p.toml").write_text('[limits]\nquota_pending_bytes = "64KiB"\n')
        server = self.serve("--config", "p.toml")
        asyncio.run(self.overfill(server))
        self.assertEqual(server.end(), 0)

    async def overfill(self, server):
        bob, alice = Device(server, "bob", "phone"), Device(server, "alice", "phone")
        await bob.connect()
        await bob.close()
        await alice.connect()

        async def code_of(text):
            result = await alice.result(await alice.submit(["bob"], text))
            return result["recipients"][0].get("error", {}).get("code")
        codes = [await code_of("x" * 10_000) for _ in range(10)]
        self.assertEqual(codes[:5], [None] * 5)
        self.assertEqual(codes[-3:], [4130] * 3)
        self.assertIsNone(alice.goodbye)
        await bob.connect()
        taken = codes.count(None)
        await bob.until(lambda: len(bob.incoming()) >= taken, SECONDS, "what was taken")
        await alice.until(lambda: len(alice.of("delivered")) >= taken, SECONDS, "the receipts")
        for _ in range(50):
            if await code_of("after") is None:
                break
            await asyncio.sleep(0.1)
        else:
            self.fail("still over the quota after everything was acknowledged")
        await alice.close()
        await bob.close()


class FatalWrite(ProgramTest):
    def test_a_write_that_fails_is_code_5_and_the_next_start_recovers(self):
        self.serve().end()

        def small_files():
            resource.setrlimit(resource.RLIMIT_FSIZE, (256 * 1024, 256 * 1024))
        server = self.serve("--config", self.unlimited(), prepare=small_files)
        accepted = asyncio.run(self.fill(server))
        self.assertEqual(server.wait(), 5)
        said = [line for line in server.errors().splitlines() if line.startswith("parleyd: ")]
        self.assertEqual(len(said), 1, server.errors())
        again = self.serve()
        self.assertEqual(asyncio.run(self.read_all(again, accepted)), accepted)
        self.assertEqual(again.end(), 0)

    def unlimited(self):
        (self.folder / "p.toml").write_text("[limits]\nrate_per_second = 0\n")
        return "p.toml"

    async def fill(self, server):
        """Sends until the server is gone; returns the texts that it had accepted."""
        bob, alice = Device(server, "bob"), Device(server, "alice")
        await bob.connect()
        await bob.close()
        await alice.connect()
        texts = {}
        try:
            for number in range(1000):
                text = f"{number:04} " + "x" * 2000
                texts[await alice.submit(["bob"], text)] = text
        except Exception:
            pass
        await asyncio.wait_for(alice.reader, SECONDS)
        return [texts[r["messageId"]] for r in alice.results if "error" not in r["recipients"][0]]

    async def read_all(self, server, accepted):
        bob = Device(server, "bob")
        await bob.connect()
        await bob.until(lambda: len(bob.incoming()) >= len(accepted), SECONDS, f"{len(accepted)} messages")
        texts = bob.incoming()
        await bob.close()
        # What was stored and not answered any more may be there as well.
        return texts[:len(accepted)]


if __name__ == "__main__":
    unittest.main()
