#!/usr/bin/python3
"""The library `websockets` as the other end of interop_python_test.

usage: websockets_peer.py client PORT    talks to an echoing server, says "ok" if all was right
       websockets_peer.py server         prints its port, echoes one client, says "ok" at its clean end
"""

import asyncio
import sys

import websockets

PROTOCOLS = {"parley.v1.proto": bytes, "parley.v1.json": str}
SIZES = [0, 1, 125, 126, 127, 65535, 65536, 70000, 300000, 5]


def message(size, kind):
    text = "".join(chr(0x61 + i % 26) for i in range(size))
    return text if kind is str else text.encode()


async def client(port):
    for protocol, kind in PROTOCOLS.items():
        uri = f"ws://127.0.0.1:{port}/v1/connect"
        async with websockets.connect(uri, subprotocols=[protocol], max_size=None) as connection:
            assert connection.subprotocol == protocol
            for size in SIZES:
                whole = message(size, kind)
                await connection.send(whole)
                assert await connection.recv() == whole
            pieces = [message(1000, kind)] * 5
            await connection.send(pieces)
            assert await connection.recv() == pieces[0] * 5
            await (await connection.ping(b"life"))
            many = [message(i % 200, kind) for i in range(500)]
            for one in many:
                await connection.send(one)
            assert [await connection.recv() for _ in many] == many
            await connection.close(4567, "enough")
            assert connection.close_code == 4567, connection.close_code
        try:
            async with websockets.connect(uri, subprotocols=[protocol]) as connection:
                await connection.send(b"x" if kind is str else "x")
                await connection.recv()
        except websockets.ConnectionClosed as closed:
            assert closed.code == 1003, closed.code


async def server():
    over = asyncio.get_running_loop().create_future()

    async def echo(connection):
        try:
            async for one in connection:
                await connection.ping()
                # In pieces, with control frames between them.
                await connection.send([one[i : i + 500] for i in range(0, len(one), 500)] or one)
        except websockets.ConnectionClosed:
            pass  # with a code other than 1000, which the end looks at
        finally:
            over.set_result(connection.close_code)

    async with websockets.serve(echo, "127.0.0.1", 0, subprotocols=list(PROTOCOLS), max_size=None) as listening:
        print(listening.sockets[0].getsockname()[1], flush=True)
        assert await over == 3210


asyncio.run(client(int(sys.argv[2])) if sys.argv[1] == "client" else server())
print("ok", flush=True)
