"""parleyd verify, backup and restore, as docs/operations/backup.md describes them."""

import asyncio
import json
import os
import pathlib
import socket
import stat
import subprocess
import threading
import unittest

from program import BINARY, SECONDS, ProgramTest, obey_modes
from parley_json import Device  # noqa: E402


class BackupTest(ProgramTest):
    def run_command(self, code, *arguments):
        """Runs parleyd to its end; returns standard output and standard error."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith("PARLEY")}
        done = subprocess.run([BINARY, *arguments], cwd=self.folder, env=clean, text=True, capture_output=True,
                              timeout=SECONDS)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout, done.stderr

    async def send(self, server, texts, recipients=("bob",)):
        alice = Device(server, "alice", "phone")
        await alice.connect()
        for text in texts:
            result = await alice.result(await alice.submit(recipients, text))
            self.assertNotIn("error", result["recipients"][0])
        await alice.close()

    async def enroll(self, server, *users):
        for user in users:
            device = Device(server, user, "phone")
            await device.connect()
            await device.close()

    async def read_all(self, server, user, count, device=None):
        device = device or Device(server, user)
        await device.connect()
        await device.until(lambda: len(device.incoming()) >= count, SECONDS, f"{count} messages")
        await device.close()
        return device.incoming()


class OnlineBackup(BackupTest):
    # R1, R7, R8, R19
    def test_what_was_accepted_before_a_backup_is_in_it_and_devices_read_it_once_more(self):
        server = self.serve()
        asyncio.run(self.under_load(server))

    async def under_load(self, server):
        bob = Device(server, "bob", "phone")
        await bob.connect()
        before = [f"before {i}" for i in range(50)]
        await self.send(server, before)
        await bob.until(lambda: len(bob.incoming()) >= 50, SECONDS, "the first messages")
        stop = asyncio.Event()
        sender = asyncio.create_task(self.load(server, stop))
        await bob.until(lambda: len(bob.incoming()) >= 60, SECONDS, "some load")
        self.accepted_before = list(self.accepted)
        backup = await asyncio.to_thread(self.run_command, 0, "backup", "copy", "--data", "data", "--json")
        self.assertEqual(json.loads(backup[0])["folder"], str(self.folder / "copy"))
        stop.set()
        await sender
        await bob.until(lambda: len(bob.incoming()) >= 50 + len(self.accepted), SECONDS, "all of it")
        await bob.close()
        epoch, cursor = bob.cursor
        server.process.kill()
        server.wait()

        copy = self.folder / "copy"
        self.assertEqual(stat.S_IMODE(copy.stat().st_mode), 0o700)
        self.assertFalse((copy / "store" / "EPOCH").exists())
        self.assertEqual(stat.S_IMODE((copy / "application.json").stat().st_mode), 0o600)
        self.assertIn("nothing is wrong", self.run_command(0, "verify", "--data", "copy")[0])
        self.assertIn("new epoch", self.run_command(0, "restore", "copy", "--data", "elsewhere")[0])
        self.assertIn("nothing is wrong", self.run_command(0, "verify", "--data", "elsewhere")[0])
        again = self.start("--data", "elsewhere", "--listen", "127.0.0.1:0").wait_ready()
        again.data = self.folder / "elsewhere"
        # Its cursor is of another epoch: void. It has all that was accepted before, each once, in order.
        old = Device(again, "bob", "phone")
        old.cursor = (epoch, cursor)
        await old.connect()
        self.assertFalse(old.welcome["cursorAccepted"])
        self.assertNotEqual(old.welcome["head"]["epoch"], epoch)
        wanted = before + self.accepted_before
        await old.until(lambda: len(old.incoming()) >= len(wanted), SECONDS, "what the backup has")
        texts = old.incoming()
        self.assertEqual(texts[:len(wanted)], wanted)
        self.assertEqual(len(texts), len(set(texts)))
        await self.send(again, ["after"])
        await old.until(lambda: old.incoming()[-1] == "after", SECONDS, "a new message")
        await old.close()
        self.assertEqual(again.end(), 0)

    async def load(self, server, stop):
        self.accepted = []
        carol = Device(server, "carol", "phone")
        await carol.connect()
        while not stop.is_set():
            text = f"load {len(self.accepted)} " + "x" * 3000
            await carol.result(await carol.submit(["bob"], text))
            self.accepted.append(text)
        await carol.close()

    # Names of files are bytes, and the answer is JSON.
    def test_a_folder_whose_name_is_not_utf8_is_backed_up_and_the_server_lives(self):
        server = self.serve()
        name = os.fsdecode(b"name-\xff")
        self.run_command(0, "backup", name, "--data", "data")
        self.assertTrue((self.folder / name / "MANIFEST").exists())
        self.run_command(0, "health", "--data", "data")
        self.assertEqual(server.end(), 0)

    def test_a_folder_that_exists_is_refused_and_stays(self):
        server = self.serve()
        (self.folder / "there").mkdir()
        errors = self.run_command(1, "backup", "there", "--data", "data")[1]
        self.assertIn(str(self.folder / "there"), errors)
        self.assertEqual(len(errors.splitlines()), 1)
        errors = self.run_command(1, "backup", "no/such/folder", "--data", "data")[1]
        self.assertIn("no such folder", errors)
        self.assertEqual(list((self.folder / "there").iterdir()), [])
        self.assertEqual(server.end(), 0)

    def test_a_place_where_the_server_may_not_write_is_told_with_its_user(self):
        server = self.serve(prepare=obey_modes)
        (self.folder / "closed" / "more").mkdir(parents=True)
        (self.folder / "closed").chmod(0o500)
        self.addCleanup((self.folder / "closed").chmod, 0o700)
        errors = self.run_command(1, "backup", "closed/copy", "--data", "data")[1]
        self.assertIn(f"{self.folder}/closed/copy.partial: cannot be made: Permission denied; the server makes the folder, as its own user", errors)
        (self.folder / "closed").chmod(0)
        self.assertIn("closed/more: Permission denied; the server makes the folder",
                      self.run_command(1, "backup", "closed/more/copy", "--data", "data")[1])
        self.assertEqual(server.end(), 0)


class OfflineBackup(BackupTest):
    def setUp(self):
        super().setUp()
        server = self.serve()
        asyncio.run(self.enroll(server, "bob"))
        asyncio.run(self.send(server, ["one", "two " + "x" * 5000]))
        self.assertEqual(server.end(), 0)
        self.run_command(0, "backup", "copy", "--data", "data")

    def test_a_stopped_server_is_backed_up_and_restored(self):
        self.assertEqual(stat.S_IMODE((self.folder / "copy").stat().st_mode), 0o700)
        self.run_command(0, "restore", "copy", "--data", "new/data")
        self.assertEqual((self.folder / "new/data/application.json").read_bytes(),
                         (self.data / "application.json").read_bytes())
        server = self.start("--data", "new/data", "--listen", "127.0.0.1:0").wait_ready()
        server.data = self.folder / "new/data"
        self.assertEqual(asyncio.run(self.read_all(server, "bob", 2)), ["one", "two " + "x" * 5000])
        self.assertEqual(server.end(), 0)

    def test_a_restore_never_goes_over_data_that_is_there(self):
        before = (self.data / "store" / "EPOCH").read_text()
        errors = self.run_command(1, "restore", "copy", "--data", "data")[1]
        self.assertIn("is not empty", errors)
        self.assertEqual((self.data / "store" / "EPOCH").read_text(), before)
        server = self.serve()
        self.run_command(3, "restore", "copy", "--data", "data")
        self.assertEqual(server.end(), 0)

    def test_a_backup_that_is_not_as_it_was_made_is_refused(self):
        copy = self.folder / "copy"
        secret = copy / "application.json"
        good = secret.read_bytes()
        secret.write_bytes(good[:-2] + b" }")
        self.assertIn("copy/application.json: is not what", self.run_command(1, "restore", "copy", "--data", "new")[1])
        self.assertIn("copy/application.json: is not what", self.run_command(1, "verify", "--data", "copy")[0])
        secret.write_bytes(good)
        table = next(copy.rglob("*.sst"))
        table.rename(self.folder / "gone")
        self.assertIn(f"{table.relative_to(self.folder)}: cannot be read", self.run_command(1, "restore", "copy", "--data", "new")[1])
        (self.folder / "gone").rename(table)
        manifest = copy / "MANIFEST"
        manifest.write_text(manifest.read_text().replace("made 2", "made 3"))
        self.assertIn("it was changed", self.run_command(1, "restore", "copy", "--data", "new")[1])
        manifest.unlink()
        self.assertIn("no whole backup", self.run_command(1, "restore", "copy", "--data", "new")[1])
        self.assertFalse((self.folder / "new" / "store").exists())

    # The manifest has no checksums of tables.
    def test_a_backup_with_a_damaged_table_is_not_restored(self):
        table = max((self.folder / "copy").rglob("*.sst"), key=lambda p: p.stat().st_size)
        content = bytearray(table.read_bytes())
        content[len(content) // 3] ^= 0x55
        table.write_bytes(content)
        errors = self.run_command(1, "restore", "copy", "--data", "new")[1]
        self.assertIn(f"{table.relative_to(self.folder)}: Corruption", errors)
        self.assertEqual(len(errors.splitlines()), 1)
        self.assertFalse((self.folder / "new").exists())

    @unittest.skipUnless(os.geteuid() == 0, "only root gives files away")
    def test_what_root_restores_belongs_to_who_runs_the_server(self):
        def owners(folder):
            return {(p.lstat().st_uid, p.lstat().st_gid) for p in [folder, *folder.rglob("*")]}
        (self.folder / "there").mkdir()
        os.chown(self.folder / "there", 4711, 4712)
        self.run_command(0, "restore", "copy", "--data", "there")
        self.assertTrue((self.folder / "there" / "LOCK").exists())
        self.assertEqual(owners(self.folder / "there"), {(4711, 4712)})
        # Where there is no folder yet the nearest one above says whose it is.
        (self.folder / "above").mkdir()
        os.chown(self.folder / "above", 4711, 4712)
        self.run_command(0, "restore", "copy", "--data", "above/new/data")
        self.assertEqual(owners(self.folder / "above"), {(4711, 4712)})

    # A unit with PrivateTmp=yes: the answer is true, and nothing is there.
    def test_a_backup_that_is_not_to_be_found_is_said(self):
        with socket.create_server(str(self.data / "control.sock"), family=socket.AF_UNIX) as listener:
            def answer():
                connection = listener.accept()[0]
                with connection:
                    connection.recv(65536)
                    body = json.dumps({"folder": str(self.folder / "none"), "made": "", "epoch": "e", "files": 1, "bytes": 1})
                    connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
            server = threading.Thread(target=answer)
            server.start()
            errors = self.run_command(1, "backup", "none", "--data", "data")[1]
            server.join()
        self.assertIn("/tmp of its own", errors)
        self.assertEqual(len(errors.splitlines()), 1)

    def test_a_backup_is_not_served(self):
        before = sorted((p.name, p.stat().st_size) for p in (self.folder / "copy").rglob("*"))
        said = self.refuse(4, "--data", "copy", "--listen", "127.0.0.1:0")
        self.assertIn("is a backup", said)
        self.assertIn("parleyd restore", said)
        self.assertEqual(sorted((p.name, p.stat().st_size) for p in (self.folder / "copy").rglob("*")), before)
        self.run_command(0, "verify", "--data", "copy")

    def test_a_restore_that_was_cut_off_is_not_served(self):
        (self.folder / "new" / "restore.partial").mkdir(parents=True)
        said = self.refuse(4, "--data", "new", "--listen", "127.0.0.1:0")
        self.assertIn("restore.partial", said)
        self.assertIn("remove", said)


class Verify(BackupTest):
    def setUp(self):
        super().setUp()
        server = self.serve()
        asyncio.run(self.enroll(server, "bob", "carol"))
        asyncio.run(self.send(server, [f"{i} " + "x" * 900 for i in range(40)], ["bob", "carol"]))
        self.server = server

    def test_a_running_server_is_left_alone(self):
        self.assertIn("in use", self.run_command(3, "verify", "--data", "data")[1])
        self.assertEqual(self.server.end(), 0)

    def test_a_store_after_a_kill_is_whole_and_is_not_changed_by_looking(self):
        self.server.process.kill()
        self.server.wait()
        before = {p: p.stat().st_mtime_ns for p in (self.data / "store").rglob("*")}
        out = self.run_command(0, "verify", "--data", "data")[0]
        self.assertIn("3 users, 3 devices, 120 events", out)
        self.assertIn("nothing is wrong", out)
        self.assertEqual({p: p.stat().st_mtime_ns for p in (self.data / "store").rglob("*")}, before)

    # It may lie on a disk that only reads by now.
    def test_looking_writes_nothing_into_the_data_folder(self):
        self.assertEqual(self.server.end(), 0)
        lock = self.data / "LOCK"
        before = (lock.read_text(), lock.stat().st_mtime_ns)
        self.run_command(0, "verify", "--data", "data")
        self.assertEqual((lock.read_text(), lock.stat().st_mtime_ns), before)
        lock.unlink()
        self.run_command(0, "verify", "--data", "data")
        self.assertFalse(lock.exists())

    def test_a_damaged_block_is_named_and_the_rest_is_read(self):
        self.assertEqual(self.server.end(), 0)
        table = max((self.data / "store" / "rocksdb").glob("*.sst"), key=lambda p: p.stat().st_size)
        content = bytearray(table.read_bytes())
        content[len(content) // 3] ^= 0x55
        table.write_bytes(content)
        out = self.run_command(1, "verify", "--data", "data")[0]
        self.assertIn(f"{table.relative_to(self.folder)}: Corruption", out)
        # One place is one thing, however many mailboxes have something there.
        self.assertIn("; 1 thing is wrong; look at the disk", out)
        self.assertEqual(out.count("block checksum mismatch"), 1, out)
        self.assertRegex(out, rf"user (alice|bob|carol), mailbox [0-9a-f]{{32}}.*: cannot be read because of that \({table.name} offset \d+\)")

    def test_a_damaged_record_of_the_log_is_said_once(self):
        self.server.process.kill()
        self.server.wait()
        log = max((self.data / "store" / "rocksdb").glob("*.log"), key=lambda p: p.stat().st_size)
        content = bytearray(log.read_bytes())
        content[len(content.rstrip(b"\0")) // 3] ^= 0x55
        log.write_bytes(content)
        out = self.run_command(1, "verify", "--data", "data")[0]
        self.assertIn("; 1 thing is wrong; look at the disk", out)
        self.assertEqual(len([line for line in out.splitlines() if f"{log.name}: the record at byte" in line and "because" not in line]), 1, out)
        # What was not read is not counted as nothing.
        self.assertIn("the store cannot be opened", out)
        self.assertNotIn("0 users", out)
        # The start does not send to what cannot open it either.
        self.assertIn("restore a backup into a new one", self.refuse(4, "--data", "data", "--listen", "127.0.0.1:0"))

    def test_of_a_damaged_backup_the_advice_is_another_one(self):
        self.run_command(0, "backup", "copy", "--data", "data")
        table = max((self.folder / "copy" / "store" / "rocksdb").glob("*.sst"), key=lambda p: p.stat().st_size)
        content = bytearray(table.read_bytes())
        content[len(content) // 3] ^= 0x55
        table.unlink()  # a hard link of the server's own
        table.write_bytes(content)
        out = self.run_command(1, "verify", "--data", "copy")[0]
        self.assertIn("; 1 thing is wrong; do not count on this backup: keep the older ones", out)
        self.assertEqual(self.server.end(), 0)

    def test_no_store_is_said(self):
        self.assertEqual(self.server.end(), 0)
        self.assertIn("holds no store", self.run_command(2, "verify", "--data", "nothing")[1])
        self.assertFalse((self.folder / "nothing").exists())


if __name__ == "__main__":
    unittest.main()
