#!/usr/bin/python3
"""The library `websockets` as the other end of interop_python_test.

usage: websockets_peer.py client PORT    talks to an echoing server, says "ok" if all was right
       websockets_peer.py server         prints its port, echoes one client, says "ok" at its clean end
       websockets_peer.py cases          prints its port and the close codes that its cases end with; ends each
                                         connection as the next case of its subprotocol says; says "ok" if the client took each as it must
"""

import asyncio
import struct
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


def frame(first, payload=b"", length=None):
    """An unmasked frame; `length`: the bytes of the length field, if not the shortest form."""
    return bytes([first]) + (bytes([len(payload)]) if length is None else length) + payload


def close(code, reason=b""):
    return frame(0x88, struct.pack(">H", code) + reason)


# What a server may send, right and wrong, and the code that a client answers its end with.
CASES = [
    *[(code, close(code, b"why")) for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999)],
    *[(1002, close(code)) for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)],
    (1005, frame(0x88)), (1002, frame(0x88, b"\x03")), (1000, close(1000, b"r" * 123)),
    (1007, close(1000, b"\xed\xa0\x80")),
    (1002, frame(0x88, b"x" * 126, b"\x7e\x00\x7e")), (1002, frame(0x89, b"x" * 126, b"\x7e\x00\x7e")),
    (1000, frame(0x89, b"x" * 125) + close(1000)),
    *[(1002, frame(0x80 | rsv << 4 | 2, b"x")) for rsv in range(1, 8)],
    *[(1002, frame(0x80 | opcode)) for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)],
    (1002, frame(0x82, b"mask" + b"x", b"\x81")),
    (1002, frame(0x82, b"x" * 125, b"\x7e\x00\x7d")), (1002, frame(0x82, b"x", b"\x7f" + struct.pack(">Q", 65535))),
    (1002, frame(0x82, b"x", b"\x7f" + struct.pack(">Q", 1 << 63))), (1009, frame(0x82, b"x", b"\x7f" + struct.pack(">Q", 1 << 40))),
    (1002, frame(0x80, b"x")), (1002, frame(0x00, b"x")), (1002, frame(0x02, b"x") + frame(0x82, b"y")),
    (1002, frame(0x09, b"x")), (1002, frame(0x08)),
    (4000, frame(0x02, b"a") + frame(0x89, b"ping") + frame(0x00) + frame(0x80, b"b") + close(4000)),
    (1001, frame(0x02, b"a") + close(1001)),
    (1003, frame(0x81, b"text")),
]
# The same for a client of text.
TEXT_CASES = [
    *[(1007, frame(0x81, b"x" + text)) for text in (
        b"\x80", b"\xce", b"\xf0\x9d\x84", b"\xc0\xaf", b"\xe0\x80\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xff")],
    (1007, frame(0x01, b"\xce\xba\xe1") + frame(0x00, b"\xff")),
    (1000, frame(0x01, b"\xce") + frame(0x80, b"\xba") + close(1000)),
    (1003, frame(0x82, b"binary")),
]


async def cases():
    tables = {"parley.v1.proto": CASES, "parley.v1.json": TEXT_CASES}
    answers = []
    next_case = {protocol: iter(enumerate(table)) for protocol, table in tables.items()}
    over = asyncio.get_running_loop().create_future()

    async def end(connection):
        number, (code, sent) = next(next_case[connection.subprotocol])
        # Byte by byte and at once, in turn.
        step = 1 if number % 2 else len(sent)
        for i in range(0, len(sent), step):
            connection.transport.write(sent[i : i + step])
        await connection.wait_closed()
        # What the library read of the client's own close frame.
        answered = connection.close_rcvd.code if connection.close_rcvd else None
        answers.append((connection.subprotocol, number, answered, code))
        if len(answers) == len(CASES) + len(TEXT_CASES):
            over.set_result(None)

    async with websockets.serve(end, "127.0.0.1", 0, subprotocols=list(PROTOCOLS), ping_interval=None) as listening:
        print(listening.sockets[0].getsockname()[1], flush=True)
        print(*[code for code, _ in CASES], flush=True)
        print(*[code for code, _ in TEXT_CASES], flush=True)
        await over
    wrong = [one for one in answers if one[2] != one[3]]
    assert not wrong, wrong


asyncio.run(client(int(sys.argv[2])) if sys.argv[1] == "client" else cases() if sys.argv[1] == "cases" else server())
print("ok", flush=True)
