"""A TLS client that changes what its library sends in the middle of a connection.

    python3 forge.py PORT VERSION CERT KEY SCENARIO [PATH]

The library (Python's ssl) works on two memory buffers. What it wants to send after the handshake is decrypted with the keys that
it logs, changed as the scenario says, and encrypted again (AES-128-GCM only). Prints what came back: the status of each answer,
the alert or "end", with blanks between them.
"""

import hmac
import re
import socket
import ssl
import struct
import sys
import tempfile

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

CCS, ALERT, HANDSHAKE, DATA = 20, 21, 22, 23
CERTIFICATE, KEY_EXCHANGE, VERIFY, FINISHED, KEY_UPDATE = 11, 16, 15, 20, 24


def message(kind, body=b""):
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def p_hash(secret, seed, length):
    out, a = b"", seed
    while len(out) < length:
        a = hmac.digest(secret, a, "sha256")
        out += hmac.digest(secret, a + seed, "sha256")
    return out[:length]


def expand_label(secret, label, length):
    label = b"tls13 " + label
    info = struct.pack(">HB", length, len(label)) + label + b"\0"
    return hmac.digest(secret, info + b"\1", "sha256")[:length]


class Epoch12:
    """The client's keys of one TLS 1.2 handshake."""

    def __init__(self, master, client_random, server_random):
        block = p_hash(master, b"key expansion" + server_random + client_random, 40)
        self.aead, self.salt = AESGCM(block[:16]), block[32:36]

    def open(self, number, kind, record):
        body = record[5:]
        head = struct.pack(">QBHH", number, kind, 0x303, len(body) - 24)
        return kind, self.aead.decrypt(self.salt + body[:8], body[8:], head)

    def seal(self, number, kind, text):
        nonce = struct.pack(">Q", number | 1 << 63)
        sealed = self.aead.encrypt(self.salt + nonce, text, struct.pack(">QBHH", number, kind, 0x303, len(text)))
        return struct.pack(">BHH", kind, 0x303, len(sealed) + 8) + nonce + sealed


class Epoch13:
    """The client's keys of TLS 1.3 from one key update to the next."""

    def __init__(self, secret):
        self.secret = secret
        self.aead, self.iv = AESGCM(expand_label(secret, b"key", 16)), expand_label(secret, b"iv", 12)

    def nonce(self, number):
        return bytes(a ^ b for a, b in zip(self.iv, struct.pack(">IQ", 0, number)))

    def open(self, number, _, record):
        text = self.aead.decrypt(self.nonce(number), record[5:], record[:5]).rstrip(b"\0")
        return text[-1], text[:-1]

    def seal(self, number, kind, text):
        head = struct.pack(">BHH", DATA, 0x303, len(text) + 17)
        return head + self.aead.encrypt(self.nonce(number), text + bytes([kind]), head)

    def updated(self):
        return Epoch13(expand_label(self.secret, b"traffic upd", 32))


class Client:
    def __init__(self, port, version, cert, key, path):
        self.path = path
        self.old = version == "1.2"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2 if self.old else ssl.TLSVersion.TLSv1_3
        if self.old:
            context.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
        else:
            context.post_handshake_auth = True
        if cert != "-":
            context.load_cert_chain(cert, key)
        log = tempfile.mkdtemp() + "/keys"
        context.keylog_filename = log
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sent, received = self.shake_hands()
        self.hello = sent[5 : 5 + int.from_bytes(sent[3:5], "big")]
        keys = dict((line.split()[0], line.split()[1:]) for line in open(log) if not line.startswith("#"))
        if self.old:
            client_random, master = map(bytes.fromhex, keys["CLIENT_RANDOM"])
            self.epoch = Epoch12(master, client_random, received[11:43])
        else:
            self.epoch = Epoch13(bytes.fromhex(keys["CLIENT_TRAFFIC_SECRET_0"][1]))
        # Numbers of the records: as the library counts, and as they are sent.
        self.theirs = self.ours = 1 if self.old else 0
        self.passed, self.found, self.ended = False, [], False

    def shake_hands(self):
        sent = received = b""
        while True:
            try:
                self.tls.do_handshake()
                done = True
            except ssl.SSLWantReadError:
                done = False
            out = self.outgoing.read()
            sent += out
            self.socket.sendall(out)
            if done:
                return sent, received
            more = self.socket.recv(65536)
            received += more
            self.incoming.write(more)

    def pull(self):
        """What the library wants to send: (kind, text) or, behind a change of keys, (None, record)."""
        out, found = self.outgoing.read(), []
        while out:
            length = 5 + int.from_bytes(out[3:5], "big")
            record, out = out[:length], out[length:]
            if self.passed:
                found.append((None, record))
                continue
            kind, text = self.epoch.open(self.theirs, record[0], record)
            self.theirs += 1
            self.passed = kind == CCS
            found.append((kind, text))
        return found

    def push(self, *pieces):
        out = b""
        for kind, text in pieces:
            if kind is None:
                out += text
                continue
            out += self.epoch.seal(self.ours, kind, text)
            self.ours += 1
        try:
            self.socket.sendall(out)
        except OSError:
            self.ended = True

    def receive(self):
        """Waits for bytes and gives them to the library."""
        try:
            more = self.socket.recv(65536)
        except ConnectionError:
            more = b""
        self.ended = self.ended or not more
        if more:
            self.incoming.write(more)
        self.read()

    def read(self):
        """What the library makes of what it was given."""
        while True:
            try:
                text = self.tls.read(65536)
            except ssl.SSLWantReadError:
                return
            except ssl.SSLError as error:
                self.found.append(re.sub(r".*ALERT_", "", error.reason or "end").lower())
                self.ended = True
                return
            if not text:
                self.ended = True
                return
            self.found += re.findall(rb"^HTTP/1\.1 (\d+)", text, re.M)

    def ask(self, path=None, expect=False):
        more = "Content-Length: 5\r\nExpect: 100-continue\r\n" if expect else ""
        method = "POST" if expect else "GET"
        self.tls.write(f"{method} {path or self.path} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n".encode())

    def asked(self):
        """Sends the request; what the library answers to the question for a handshake."""
        self.ask()
        self.push(*self.pull())
        return self.answer()

    def answer(self):
        answer = []
        while not answer and not self.ended and not self.found:
            self.receive()
            answer = self.pull()
        return answer

    def rest(self):
        """Everything up to the end of the connection."""
        while not self.ended:
            self.receive()
            self.push(*self.pull())
        return " ".join([x.decode() if isinstance(x, bytes) else x for x in self.found] + ["end"])

    def finish(self):
        """Brings the handshake to its end; the status of the answer."""
        while not self.found and not self.ended:
            self.receive()
            self.push(*self.pull())

    def leave(self):
        self.socket.close()


def is_message(kind):
    return lambda piece: piece[0] == HANDSHAKE and piece[1][0] == kind


def instead(client, *pieces):
    """These instead of the answer to the question."""
    client.asked()
    client.push(*pieces)
    return client.rest()


def behind_hello(client, *pieces):
    """TLS 1.2: these behind the ClientHello."""
    client.push(*client.asked(), *pieces)
    return client.rest()


def changed(client, change):
    """The flight with the certificate, changed."""
    flight = client.asked()
    if client.old:
        client.push(*flight)
        flight = client.answer()
    client.push(*change(flight))
    return client.rest()


def without(kind):
    return lambda flight: [piece for piece in flight if not is_message(kind)(piece)]


def split(flight):
    """One message in each record."""
    pieces = []
    for kind, text in flight:
        while kind == HANDSHAKE and text:
            length = 4 + int.from_bytes(text[1:4], "big")
            pieces.append((kind, text[:length]))
            text = text[length:]
        if kind != HANDSHAKE:
            pieces.append((kind, text))
    return pieces


def garbled(kind, place):
    def change(flight):
        return [(k, t[:place] + bytes([t[place] ^ 1]) + t[place + 1 :]) if is_message(kind)((k, t)) else (k, t) for k, t in split(flight)]

    return change


def stops_after(client, count, leave):
    """Sends so many records of the flight, and then nothing."""
    flight = client.asked()
    if client.old and count:
        client.push(*flight)
        flight, count = client.answer(), count - 1
    client.push(*split(flight)[:count])
    if leave:
        client.leave()
        return "left"
    return client.rest()


def data(path="/1k.bin"):
    return DATA, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def floods(client, count):
    client.asked()
    for _ in range(count):
        client.push((HANDSHAKE, message(KEY_UPDATE, b"\0")))
        client.epoch, client.ours = client.epoch.updated(), 0
        if client.ended:
            break
    return client.rest()


def twice(client):
    flight = client.asked()
    client.push(*flight)
    client.finish()
    client.push(*split(flight)[:1])
    return client.rest()


def at_once_twice(client):
    flight = split(client.asked())
    client.push(*flight, *flight)
    return client.rest()


def late(client):
    flight = client.asked()
    client.push(data(), data())
    client.push(*flight)
    while len(client.found) < 3 and not client.ended:
        client.receive()
        client.push(*client.pull())
    client.leave()
    return b" ".join(client.found).decode()


def body_before(client):
    """A part of a body, whose request waits for a 100, comes before the flight."""
    client.ask(expect=True)
    client.push(*client.pull())
    flight = client.answer()
    client.push((DATA, b"ab"), *flight)
    while b"100" not in client.found and not client.ended:
        client.receive()
        client.push(*client.pull())
    client.tls.write(b"cde")
    client.push(*client.pull())
    client.found = []
    client.finish()
    client.leave()
    return b" ".join(client.found).decode()


EMPTY13 = (HANDSHAKE, message(CERTIFICATE, b"\0" + b"\0\0\0"))
SCENARIOS = {
    "nothing": lambda c: (c.push(*c.asked()), c.finish(), c.leave(), b" ".join(c.found).decode())[-1],
    "finished": lambda c: instead(c, (HANDSHAKE, message(FINISHED, bytes(12 if c.old else 32)))),
    "key-exchange": lambda c: instead(c, (HANDSHAKE, message(KEY_EXCHANGE, b"\x41" + bytes(65)))),
    "verify": lambda c: instead(c, (HANDSHAKE, message(VERIFY, b"\x04\x03\0\x10" + bytes(16)))),
    "certificate": lambda c: instead(c, (HANDSHAKE, message(CERTIFICATE, b"\0\0\0"))),
    "ccs": lambda c: instead(c, (CCS, b"\1")),
    "unknown": lambda c: instead(c, (HANDSHAKE, message(99, b"abc"))),
    "unknown-type": lambda c: instead(c, (99, b"abc")),
    "huge": lambda c: instead(c, (HANDSHAKE, bytes([CERTIFICATE if not c.old else 1]) + b"\xff\xff\xff" + bytes(4000))),
    "two-hellos": lambda c: behind_hello(c, (HANDSHAKE, c.hello)),
    "old-hello": lambda c: instead(c, (HANDSHAKE, c.hello)),
    "data-behind-hello": lambda c: behind_hello(c, data()),
    "no-proof": lambda c: changed(c, lambda flight: without(VERIFY)(split(flight))),
    "garbled-proof": lambda c: changed(c, garbled(VERIFY, -1)),
    "garbled-certificate": lambda c: changed(c, garbled(CERTIFICATE, 60)),
    "garbled-context": lambda c: changed(c, garbled(CERTIFICATE, 6)),
    "no-finished": lambda c: changed(c, lambda flight: split(flight)[:-1] + [data()]),
    "data-inside": lambda c: changed(c, lambda flight: split(flight)[:1] + [data()] + split(flight)[1:]),
    "unasked": lambda c: (c.push(EMPTY13), c.rest())[-1],
    "unasked-and-request": lambda c: (c.push(EMPTY13, data(c.path)), c.rest())[-1],
    "other-context": lambda c: instead(c, (HANDSHAKE, message(CERTIFICATE, b"\4evil" + b"\0\0\0"))),
    "twice": twice,
    "at-once-twice": at_once_twice,
    "late": late,
    "body-before": body_before,
    "updates": lambda c: floods(c, 1_200),
}
for step in range(7):
    SCENARIOS[f"leaves-{step}"] = lambda c, step=step: stops_after(c, step, True)
    SCENARIOS[f"silent-{step}"] = lambda c, step=step: stops_after(c, step, False)

if __name__ == "__main__":
    port, version, cert, key, scenario = sys.argv[1:6]
    print(SCENARIOS[scenario](Client(int(port), version, cert, key, (sys.argv[6:] or ["/require/env"])[0])))
