#!/usr/bin/env python3
"""Opens a session ticket as docs/operations.md describes it, with a cryptography library that is not the module's code.

    ticket.py OUT TICKET-IN-HEX file KEY-FILE
    ticket.py OUT TICKET-IN-HEX secret SECRET-FILE LIFETIME TIME

Writes the session in DER form to OUT. Exit status 1 if the key or the MAC is not that of the ticket.
"""
import hmac
import struct
import sys

from cryptography.hazmat.primitives import hashes, padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand


def expand(secret, label, length):
    return HKDFExpand(algorithm=hashes.SHA256(), length=length, info=label).derive(secret)


def key_of_epoch(secret, lifetime, epoch):
    root = hmac.new(b"mod_ssl session tickets", secret, "sha256").digest()  # HKDF-Extract
    node = expand(root, b"mod_ssl tickets: lifetime " + struct.pack(">Q", lifetime), 32)
    for bit in range(31, -1, -1):
        children = expand(node, b"mod_ssl tickets: children", 64)
        node = children[32:] if epoch >> bit & 1 else children[:32]
    return expand(node, b"mod_ssl tickets: key", 80)


def open_ticket(ticket, key):
    half = 32 if len(key) == 80 else 16
    name, mac_key, cipher_key = key[:16], key[16 : 16 + half], key[16 + half : 16 + 2 * half]
    sealed, mac = ticket[:-32], ticket[-32:]
    if sealed[:16] != name or not hmac.compare_digest(hmac.new(mac_key, sealed, "sha256").digest(), mac):
        sys.exit(1)
    decryptor = Cipher(algorithms.AES(cipher_key), modes.CBC(sealed[16:32])).decryptor()
    padded = decryptor.update(sealed[32:]) + decryptor.finalize()
    unpadder = padding.PKCS7(128).unpadder()
    return unpadder.update(padded) + unpadder.finalize()


out, ticket, how, file, *more = sys.argv[1:]
contents = open(file, "rb").read()
if how == "secret":
    lifetime, time = map(int, more)
    contents = key_of_epoch(contents, lifetime, time // lifetime)
with open(out, "wb") as place:
    place.write(open_ticket(bytes.fromhex(ticket), contents))
