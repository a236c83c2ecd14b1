"""How parleyd takes what RFC 6455 allows and refuses what it forbids, in the order of the Autobahn test suite.

The other side is the sans-I/O client of `websockets`: it makes the handshake and reads every answer; the frames are written here,
byte by byte, since no library writes wrong ones.
"""

import json
import os
import socket
import struct
import unittest

from websockets.client import ClientConnection
from websockets.frames import Close, Frame, Opcode
from websockets.uri import parse_uri

from parley_json import Server, make_token

TEXT, BINARY, CLOSE, PING, PONG, CONTINUATION = 1, 2, 8, 9, 10, 0
OK = None           # what follows is taken: a Hello is answered with a Welcome
SECONDS = 20


def frame(opcode, payload=b"", fin=True, rsv=0, masked=True, length=None):
    """`length`: the bytes of the length field, if not the shortest form."""
    first = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    if length is None:
        size = len(payload)
        length = bytes([size]) if size < 126 else b"\x7e" + struct.pack(">H", size) if size < 65536 else \
            b"\x7f" + struct.pack(">Q", size)
    if not masked:
        return first + length + payload
    key = os.urandom(4)
    return first + bytes([length[0] | 0x80]) + length[1:] + key + bytes(b ^ key[i % 4] for i, b in enumerate(payload))


def close(code, reason=b""):
    return frame(CLOSE, struct.pack(">H", code) + reason)


def pieces(payload, size):
    """One message in fragments of this size, an empty one at the end."""
    cut = [payload[i:i + size] for i in range(0, len(payload), size)]
    frames = [frame(TEXT if i == 0 else CONTINUATION, one, fin=False) for i, one in enumerate(cut)]
    return frames + [frame(CONTINUATION)]


class Peer:
    def __init__(self, server, subprotocol="parley.v1.json"):
        self.protocol = ClientConnection(parse_uri(server.url), subprotocols=[subprotocol], max_size=None)
        self.socket = socket.create_connection(("127.0.0.1", server.port), SECONDS)
        self.pending = []
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.protocol.send_request(self.protocol.connect())
        self.socket.sendall(b"".join(self.protocol.data_to_send()))
        self.next()  # the answer to the upgrade, checked by the library
        assert self.protocol.handshake_exc is None, self.protocol.handshake_exc

    def next(self):
        """The next thing that the library made of what the server sent; None at the end."""
        while True:
            self.pending += self.protocol.events_received()
            if self.pending:
                return self.pending.pop(0)
            data = self.socket.recv(65536)
            if not data:
                return None
            self.protocol.receive_data(data)

    def send(self, data):
        try:
            self.socket.sendall(data)
        except OSError:
            pass  # the server has closed already, which next() shows

    def close_code(self):
        """The code of the close frame that the server sends, 1005 if it has none; and that it then ends the connection."""
        code = None
        while True:
            try:
                event = self.next()
            except ConnectionResetError:
                return code
            if event is None:
                return code
            if isinstance(event, Frame) and event.opcode is Opcode.CLOSE:
                code = Close.parse(event.data).code

    def end(self):
        self.socket.close()


class WebSocketCases(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server().start()
        cls.addClassCleanup(cls.server.close)

    def hello(self, sdk="κόσμε 𝄞"):
        return json.dumps({"hello": {"token": make_token(self.server.application, "alice"), "deviceId": "d", "supportsMessaging": True,
                                     "sdk": sdk}},
                          ensure_ascii=False).encode()

    def peer(self, subprotocol="parley.v1.json"):
        peer = Peer(self.server, subprotocol)
        self.addCleanup(peer.end)
        return peer

    def taken(self, name, *data):
        """What a Hello is made of, in some form, is answered with a Welcome."""
        with self.subTest(name):
            peer = self.peer()
            for one in data:
                peer.send(one)
            event = peer.next()
            while isinstance(event, Frame) and event.opcode is Opcode.PONG:
                event = peer.next()
            self.assertIsInstance(event, Frame)
            self.assertEqual(event.opcode, Opcode.TEXT)
            self.assertIn("welcome", json.loads(event.data))
            peer.send(close(1000))
            self.assertEqual(peer.close_code(), 1000)

    def refused(self, code, name, *data):
        with self.subTest(name):
            peer = self.peer()
            for one in data:
                peer.send(one)
            self.assertEqual(peer.close_code(), code)

    def test_messages_of_every_length_form_and_however_they_are_chopped(self):
        hello = self.hello()
        for size in (len(hello), 1000, 30000):
            self.taken(f"{size} bytes", frame(TEXT, hello.ljust(size)))
        peer = self.peer()
        peer.send(frame(TEXT, hello))
        self.assertIn("welcome", json.loads(peer.next().data))
        submit = json.dumps({"submit": {"message": {
            "messageId": "m", "recipientIds": ["alice"], "text": "x", "createdAtMs": "1"}}}).encode()
        for size in (65535, 65536, 200000):
            peer.send(frame(TEXT, submit.ljust(size)))
            event = peer.next()
            while "submitResult" not in json.loads(event.data):
                event = peer.next()
        whole = frame(TEXT, self.hello())
        self.taken("byte by byte", *[whole[i:i + 1] for i in range(len(whole))])

    def test_pings_and_pongs(self):
        for size in (0, 1, 125):
            peer = self.peer()
            payload = bytes(range(size))
            ping = frame(PING, payload)
            for i in range(len(ping)):
                peer.send(ping[i:i + 1])
            event = peer.next()
            self.assertEqual((event.opcode, event.data), (Opcode.PONG, payload))
        self.taken("ten pings, then a pong that nobody asked for", *[frame(PING, b"%d" % i) for i in range(10)],
                   frame(PONG, b"why not"), frame(TEXT, self.hello()))
        self.refused(1002, "a ping of 126 bytes", frame(PING, b"x" * 126))
        self.refused(1002, "a pong of 126 bytes", frame(PONG, b"x" * 126))

    def test_reserved_bits_and_opcodes(self):
        for rsv in range(1, 8):
            for opcode in (TEXT, PING, PONG, CLOSE):
                self.refused(1002, f"rsv {rsv} of opcode {opcode}", frame(opcode, b"", rsv=rsv))
        for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
            self.refused(1002, f"opcode {opcode}", frame(opcode, b"x"))

    def test_masks_and_lengths(self):
        for opcode in (TEXT, PING, CLOSE):
            self.refused(1002, f"opcode {opcode} without a mask", frame(opcode, b"", masked=False))
        self.refused(1002, "16 bits for 125", frame(TEXT, b"x" * 125, length=b"\x7e" + struct.pack(">H", 125)))
        self.refused(1002, "64 bits for 65535", frame(TEXT, b"x", length=b"\x7f" + struct.pack(">Q", 65535)))
        self.refused(1002, "the top bit of 64", frame(TEXT, b"x", length=b"\x7f" + struct.pack(">Q", 1 << 63 | 5)))
        for size in (2 * (1 << 20) + 1, 1 << 40, (1 << 63) - 1):
            self.refused(1009, f"a frame of {size}", frame(TEXT, b"x", length=b"\x7f" + struct.pack(">Q", size)))

    def test_fragments(self):
        hello = self.hello()
        for size in (1, 2, 3, 7, 1000):
            self.taken(f"fragments of {size}", *pieces(hello, size))
        between = [one for part in pieces(hello, 50) for one in (part, frame(PING, b"here"), frame(PONG))]
        self.taken("control frames between fragments", *between)
        self.taken("empty fragments", frame(TEXT, b"", fin=False), frame(CONTINUATION, b"", fin=False),
                   frame(CONTINUATION, hello, fin=False), frame(CONTINUATION))
        self.refused(1002, "a continuation of nothing", frame(CONTINUATION, hello))
        self.refused(1002, "an unfinished continuation of nothing", frame(CONTINUATION, hello, fin=False))
        self.refused(1002, "a message inside a message", frame(TEXT, b"{", fin=False), frame(TEXT, b"}"))
        for opcode in (PING, PONG, CLOSE):
            self.refused(1002, f"a fragment of opcode {opcode}", frame(opcode, b"", fin=False))
        self.refused(1009, "fragments beyond the limit together",
                     frame(TEXT, b"x" * (1 << 20), fin=False), frame(CONTINUATION, b"x" * (1 << 20), fin=False),
                     frame(CONTINUATION, b"x"))

    def test_text_is_utf_8(self):
        for name, text in (
                ("a lone continuation byte", b"\x80"), ("truncated", "κ".encode()[:1]), ("truncated, 4 bytes", b"\xf0\x9d\x84"),
                ("overlong /", b"\xc0\xaf"), ("overlong, 3 bytes", b"\xe0\x80\xaf"), ("overlong NUL", b"\xc0\x80"),
                ("overlong, 4 bytes", b"\xf0\x80\x80\xaf"), ("a surrogate", b"\xed\xa0\x80"), ("a surrogate pair", b"\xed\xa0\x80\xed\xb0\x80"),
                ("above U+10FFFF", b"\xf4\x90\x80\x80"), ("5 bytes", b"\xf8\x88\x80\x80\x80"), ("0xff", b"\xff")):
            self.refused(1007, name, frame(TEXT, b'{"' + text + b'"}'))
            self.refused(1007, name + ", in fragments of a byte", *pieces(b"{" + text + b" ", 1))
        self.refused(1007, "truncated at the end of a message", frame(TEXT, b"\xce"))
        # Refused at the first wrong byte: the rest of the message never comes.
        self.refused(1007, "wrong in an unfinished message", frame(TEXT, b"\xce\xba\xe1\xbd", fin=False),
                     frame(CONTINUATION, b"\xff", fin=False))
        self.refused(1007, "wrong in an unfinished frame", frame(TEXT, b"\xf4\x90" + b"x" * 100)[:20])

    def test_the_other_kind_of_message_is_1003(self):
        self.refused(1003, "binary for JSON", frame(BINARY, b"x"))
        peer = self.peer("parley.v1.proto")
        peer.send(frame(TEXT, b"x"))
        self.assertEqual(peer.close_code(), 1003)

    def test_close_codes(self):
        for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999):
            self.refused(code, f"close with {code}", close(code, b"why"))
        for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535):
            self.refused(1002, f"close with {code}", close(code))
        self.refused(1005, "close without a code", frame(CLOSE))
        self.refused(1002, "close with half a code", frame(CLOSE, b"\x03"))
        self.refused(1000, "a reason of 123 bytes", close(1000, b"r" * 123))
        self.refused(1002, "a reason of 124 bytes", close(1000, b"r" * 124))
        self.refused(1007, "a reason that is not UTF-8", close(1000, b"\xce\xba\xed\xa0\x80"))
        for late in (frame(TEXT, b"late"), frame(PING), close(1001), b"\xff\xff"):
            self.refused(1000, f"nothing after a close is looked at: {late[:2]}", close(1000) + late)
        self.refused(1001, "a close between fragments", frame(TEXT, b"{", fin=False), close(1001))

    def test_after_all_that_it_serves(self):
        self.taken("a Hello", frame(TEXT, self.hello()))


if __name__ == "__main__":
    unittest.main()
