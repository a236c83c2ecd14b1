"""Flushes are real (R1): a trace of system calls shows one fdatasync before the answers of its batch, and far fewer
flushes than messages under load."""

import asyncio
import pathlib
import re
import subprocess
import unittest

from parley_json import Device, Server


def can_trace():
    try:
        return subprocess.run(["strace", "-f", "-o", "/dev/null", "true"], capture_output=True, timeout=20).returncode == 0
    except FileNotFoundError:
        return False


@unittest.skipUnless(can_trace(), "this machine does not let strace trace a process")
class Flushes(unittest.IsolatedAsyncioTestCase):
    async def traced(self, messages, pipeline):
        """Sends messages; returns the trace's lines between the first submission and the last answer."""
        server = Server()
        trace = pathlib.Path(server.folder.name) / "trace"
        server.wrapper = ["strace", "-f", "-s", "64", "-e", "trace=fdatasync,fsync,sync_file_range,write,writev,sendto,sendmsg",
                          "-o", str(trace)]
        server.start()
        bob, alice = Device(server, "bob"), Device(server, "alice")
        await bob.connect()
        await bob.close()
        await alice.connect()
        alice.acknowledging = False
        before = len(trace.read_text().splitlines())
        sent = 0
        while len(alice.results) < messages:
            while sent < messages and sent - len(alice.results) < pipeline:
                await alice.submit(["bob"], "x")
                sent += 1
            alice.changed.clear()
            if len(alice.results) < messages:
                await asyncio.wait_for(alice.changed.wait(), 30)
        lines = trace.read_text(errors="replace").splitlines()[before:]
        await alice.close()
        server.process.terminate()
        server.close()
        return lines

    async def test_each_answer_has_its_flush_before_it(self):
        lines = await self.traced(20, 1)
        flushed = False
        answers = 0
        for line in lines:
            if re.search(r"f(data)?sync(\(.*\)| resumed>.*\)) += 0", line):
                flushed = True
            if "submitResult" in line:
                self.assertTrue(flushed, "an answer left before a flush: " + line)
                answers += 1
                flushed = False
        self.assertEqual(answers, 20)

    async def test_under_load_there_are_far_fewer_flushes_than_messages(self):
        lines = await self.traced(2000, 256)
        flushes = sum(1 for line in lines if re.search(r"fdatasync.*= 0", line))
        print(f"2000 messages, {flushes} flushes")
        self.assertGreater(flushes, 0)
        self.assertLess(flushes, 500)


if __name__ == "__main__":
    unittest.main()
