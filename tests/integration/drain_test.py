"""A drain of many sessions: told at once, asked to come back spread, and over within 10 s whoever does not read."""

import asyncio
import math
import os
import resource
import signal
import time
import unittest

from program import SECONDS, ProgramTest
from parley_json import Device

SESSIONS = int(os.environ.get("PARLEY_TEST_SESSIONS", "500"))
SLOW = 50  # of these, that read nothing any more
SPREAD_MS = 5000  # drain.spread


class Drain(ProgramTest):
    def setUp(self):
        super().setUp()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = SESSIONS + 200
        if hard < wanted + 2000:
            self.skipTest(f"{hard} open files are too few for {SESSIONS} sessions")
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))

    def test_many_sessions_are_spread_and_slow_readers_do_not_hold_it_up(self):
        server = self.serve("--log-level", "warn")
        asyncio.run(self.drain(server))

    async def drain(self, server):
        application = server.application

        class Place:  # the file is read once, not for each of them
            url = server.url
        Place.application = application
        devices = [Device(Place, "slow" if i < SLOW else f"user-{i}") for i in range(SESSIONS)]
        for at in range(0, SESSIONS, 100):
            await asyncio.gather(*(device.connect() for device in devices[at:at + 100]))
        slow, others = devices[:SLOW], devices[SLOW:]
        for device in slow:
            device.socket.transport.pause_reading()
        # More for each of them than the system's buffers take.
        for message in [await others[0].submit(["slow"], "x" * 60_000) for _ in range(60)]:
            await others[0].result(message)
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)

        def end():  # of the process: ours may take longer to read what it was told
            return server.wait(), time.monotonic() - began
        ended = asyncio.create_task(asyncio.to_thread(end))
        await asyncio.wait_for(asyncio.gather(*(device.reader for device in others)), SECONDS)
        code, took = await ended
        self.assertEqual(code, 0, server.errors())
        self.assertLess(took, 10)
        self.assertEqual([d.user for d in others if d.goodbye is None or d.goodbye["error"]["code"] != 3002], [])
        waits = sorted(int(device.goodbye["reconnectAfterMs"]) for device in others)
        self.assertLessEqual(waits[-1], SPREAD_MS)
        # Even: each tenth of the time gets its tenth of the sessions, give or take chance (5 standard deviations).
        for tenth in range(10):
            least, most = tenth * SPREAD_MS // 10, (tenth + 1) * SPREAD_MS // 10
            count = sum(least <= wait < most for wait in waits)
            self.assertAlmostEqual(count, len(waits) / 10, delta=5 * math.sqrt(len(waits) * 0.1 * 0.9))
        await asyncio.gather(*(device.drop() for device in slow))


if __name__ == "__main__":
    unittest.main()
