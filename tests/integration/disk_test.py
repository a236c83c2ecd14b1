"""parleyd on a disk that is full or fails, as docs/cli.md and wire.md, 6, describe it."""

import asyncio
import resource
import shutil
import unittest

from program import SECONDS, ProgramTest
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
