"""A dozen kills under pipelined load: nothing lost, nothing twice, nothing out of order (R1, R6, R7, R8, R21)."""

import asyncio
import os
import random
import unittest
import uuid

import websockets

from parley_json import Device, Server

KILLS = int(os.environ.get("PARLEY_KILLS", "12"))


class Sender:
    """Pipelines messages and, after each kill, submits the unanswered ones again, first and in order (R6, R9)."""

    def __init__(self, server, user, recipients, pipeline):
        self.device = Device(server, user)
        self.recipients = recipients
        self.pipeline = pipeline
        self.next = 0
        self.unanswered = []  # (id, recipient, text), in order
        self.accepted = {r: [] for r in recipients}
        self.accepted_ids = set()

    async def connect(self):
        while True:
            try:
                await self.device.connect()
                break
            except (OSError, websockets.WebSocketException, asyncio.TimeoutError):
                await asyncio.sleep(0.05)
        self.device.results.clear()
        for entry in self.unanswered:
            await self.submit(entry)

    async def submit(self, entry):
        await self.device.submit([entry[1]], entry[2], message_id=entry[0])

    async def run(self, stop):
        while not (stop.is_set() and not self.unanswered):
            try:
                if self.device.socket is None or self.device.reader is None or self.device.reader.done():
                    await self.connect()
                while not stop.is_set() and len(self.unanswered) < self.pipeline:
                    recipient = self.recipients[self.next % len(self.recipients)]
                    entry = (str(uuid.uuid4()), recipient, f"{self.device.user}:{self.next}")
                    self.next += 1
                    self.unanswered.append(entry)
                    await self.submit(entry)
                self.settle()
                self.device.changed.clear()
                await asyncio.wait_for(self.device.changed.wait(), 0.2)
            except (OSError, websockets.WebSocketException, asyncio.TimeoutError):
                pass
            self.settle()

    def settle(self):
        for result in self.device.results:
            assert self.unanswered and self.unanswered[0][0] == result["messageId"], "results come in the order of submissions"
            answer = result["recipients"][0]
            if answer.get("error"):
                assert answer["error"]["retryable"], result
                break
            message_id, recipient, text = self.unanswered.pop(0)
            self.accepted[recipient].append(text)
            self.accepted_ids.add(message_id)
        self.device.results.clear()


async def stay_connected(device, stop):
    while not stop.is_set():
        try:
            if device.socket is None or device.reader.done():
                await device.connect()
            await asyncio.wait_for(asyncio.shield(device.reader), 0.2)
        except (OSError, websockets.WebSocketException, asyncio.TimeoutError):
            await asyncio.sleep(0.02)


class Kills(unittest.IsolatedAsyncioTestCase):
    async def test_nothing_is_lost_twice_or_out_of_order(self):
        server = Server().start()
        noise = random.Random(0)
        stop_senders, stop_readers = asyncio.Event(), asyncio.Event()
        recipients = ["bob", "carol", "dave"]
        readers = {r: [Device(server, r), Device(server, r)] for r in recipients}
        for devices in readers.values():
            for device in devices:
                await device.connect()
        absent = readers["dave"]
        for device in absent:
            await device.drop()
        online = [d for r in ("bob", "carol") for d in readers[r]]
        senders = [Sender(server, f"sender{i}", recipients, 64) for i in range(3)]
        tasks = [asyncio.create_task(s.run(stop_senders)) for s in senders] + \
                [asyncio.create_task(stay_connected(d, stop_readers)) for d in online]
        for _ in range(KILLS):
            await asyncio.sleep(noise.uniform(0.1, 0.6))
            server.kill()
            server.start()
        await asyncio.sleep(0.3)
        stop_senders.set()
        await asyncio.wait_for(asyncio.gather(*tasks[:len(senders)]), 60)
        tasks += [asyncio.create_task(stay_connected(d, stop_readers)) for d in absent]
        for recipient, devices in readers.items():
            for device in devices:
                total = sum(len(s.accepted[recipient]) for s in senders)
                await device.until(lambda: len(device.incoming()) >= total, 60, f"{total} messages")
                self.assertEqual(len(device.incoming()), total)
                for sender in senders:
                    mine = [t for t in device.incoming() if t.startswith(sender.device.user + ":")]
                    self.assertEqual(mine, sender.accepted[recipient])
        for sender in senders:
            tasks.append(asyncio.create_task(stay_connected(sender.device, stop_readers)))
            wanted = len(sender.accepted_ids)
            await sender.device.until(lambda: len(sender.device.of("delivered")) >= wanted, 60, f"{wanted} receipts")
            self.assertEqual(len(sender.device.of("delivered")), wanted)
            self.assertEqual({d["messageId"] for d in sender.device.of("delivered")}, sender.accepted_ids)
            self.assertEqual([s["message"]["messageId"] for s in sender.device.of("sent")].__len__(), wanted)
        print(f"{KILLS} kills, {sum(len(s.accepted_ids) for s in senders)} messages accepted, none lost, twice or out of order")
        stop_readers.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        for device in [d for ds in readers.values() for d in ds] + [s.device for s in senders]:
            await device.drop()
        server.close()


if __name__ == "__main__":
    unittest.main()
