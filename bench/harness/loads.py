"""The table of loads: what the clients do, what one unit is, and which ratio is the bar."""

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass

from .errors import BenchError
from .fixtures import LARGE_BYTES, SMALL_BYTES

CLIENT_SECONDS = 60

_ECDSA = ["-g", "ECDSA+SHA256"]
_SMALL = ["-u", "/small.txt", "-b", str(SMALL_BYTES)]

# Ten streams at once on each of four connections.
_H2_CONNECTIONS = 4
_H2_STREAMS = 10


@dataclass(frozen=True)
class Load:
    """One kind of work for a server.

    `bar` is the highest ratio of CPU time, ours to the reference's, that is accepted;
    None where the figure is only told. An operation is a request or a handshake;
    `transfer` is the size in bytes of the body where that is the point of it.
    """

    name: str
    title: str
    vhost: str
    arguments: tuple
    per: str
    bar: float | None = None
    first_count: int = 200  # operations of the run that finds out how many fill a turn
    transfer: int = 0
    beside: bool = False  # the client shares the server's processor
    tool: str = "client"

    def run(self, fixtures, server, count, processors):
        """Let the client do COUNT operations; returns the seconds it took. BenchError when one of them fails."""
        port = server.ports[self.vhost]
        processors = server.processors if self.beside else processors
        if self.tool == "h2load":
            return _run_h2load(self, port, count, processors)
        output = call([fixtures.client, *self.arguments, "-p", port, "-n", count, "-t", CLIENT_SECONDS], processors)
        return json.loads(output)["wall"]

    def figure(self, seconds):
        """CPU seconds of one operation as they are printed: (value, unit)."""
        if self.transfer:
            return seconds * 1e3 / (self.transfer / 1e9), "ms"
        return seconds * 1e6, "us"


def _bulk(name, title, mode, arguments, bar=None, vhost="p256"):
    arguments = (mode, "-s", "-v", "1.3", *_ECDSA, "-b", str(LARGE_BYTES), *arguments)
    return Load(name, title, vhost, arguments, "GB", bar, first_count=2, transfer=LARGE_BYTES)


def _keepalive(name, title, arguments, beside=False):
    arguments = ("get", "-v", "1.3", *_ECDSA, *_SMALL, *arguments)
    return Load(name, title, "p256", arguments, "request", 0.75, first_count=2000, beside=beside)


def _handshake(name, title, vhost, version, bar, *arguments):
    arguments = ("handshake", "-c", "4", "-v", version, *arguments)
    return Load(name, title, vhost, arguments, "handshake", bar)


def _resumption(name, title, vhost, version, bar, kind):
    return _handshake(name, title, vhost, version, bar, *_ECDSA, *_SMALL, "-r", kind)


LOADS = (
    _bulk("file", "100 MB file", "get", ("-u", "/large.bin"), 0.55),
    _bulk("upload", "upload of 100 MB", "post", ("-u", "/small.txt")),
    _keepalive("keepalive-near", "1 KB, keep-alive, one client beside", (), beside=True),
    _keepalive("keepalive-1", "1 KB, keep-alive, one client apart", ("-s",)),
    _keepalive("keepalive-16", "1 KB, keep-alive, 16 connections", ("-c", "16")),
    Load("h2", "1 KB over HTTP/2", "h2", (), "request", 0.95, first_count=4000, tool="h2load"),
    _handshake("full-rsa-1.2", "full handshake, RSA-2048, TLS 1.2", "rsa", "1.2", 0.97),
    _handshake("full-rsa-1.3", "full handshake, RSA-2048, TLS 1.3", "rsa", "1.3", 0.97),
    _handshake("full-p256-1.2", "full handshake, P-256, TLS 1.2", "p256", "1.2", 0.97),
    _handshake("full-p256-1.3", "full handshake, P-256, TLS 1.3", "p256", "1.3", 0.97),
    _resumption("resume-id-1.2", "resumption, session id, TLS 1.2", "no-tickets", "1.2", 0.92, "id"),
    _resumption("resume-ticket-1.2", "resumption, ticket, TLS 1.2", "p256", "1.2", 0.92, "ticket"),
    _resumption("resume-ticket-1.3", "resumption, ticket, TLS 1.3", "p256", "1.3", None, "ticket"),
    _bulk("proxy-file", "100 MB through to a TLS backend", "get", ("-u", "/large.bin"), 0.65, "proxy-kept"),
    _bulk("proxy-upload", "upload of 100 MB to a TLS backend", "post", ("-u", "/small.txt"), 0.65, "proxy-kept"),
    Load("proxy-kept", "1 KB from a TLS backend, connection kept", "proxy-kept",
         ("get", "-v", "1.3", *_ECDSA, *_SMALL, "-c", "4"), "request", None, first_count=500),
    Load("proxy-new", "1 KB from a TLS backend, connection not kept", "proxy-new",
         ("get", "-v", "1.3", *_ECDSA, *_SMALL, "-c", "4"), "request", 0.70, first_count=200),
)


def passes_on(load):
    """Whether the load needs a backend."""
    return load.vhost.startswith("proxy-")


def call(command, processors):
    command = [str(word) for word in command]

    def prepare_child():
        if processors:
            os.sched_setaffinity(0, processors)

    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                              timeout=CLIENT_SECONDS + 10, preexec_fn=prepare_child)
    except subprocess.TimeoutExpired:
        raise BenchError(f"{' '.join(command)} took too long") from None
    if done.returncode != 0:
        raise BenchError(f"{' '.join(command)} failed:\n{(done.stdout + done.stderr).strip()}")
    return done.stdout


def _run_h2load(load, port, count, processors):
    command = ["h2load", "-t", 1, "-c", _H2_CONNECTIONS, "-m", _H2_STREAMS, "-n", count,
               f"--connect-to=127.0.0.1:{port}", f"https://bench.example:{port}/small.txt"]
    output = call(command, processors)
    finished = re.search(r"finished in ([\d.]+)(us|ms|s)", output)
    if f"{count} succeeded, 0 failed" not in output or "Application protocol: h2\n" not in output or not finished:
        raise BenchError(f"{load.name}: h2load did not get what it asked for:\n{output}")
    return float(finished[1]) * {"s": 1, "ms": 1e-3, "us": 1e-6}[finished[2]]


def unavailable(load, mpm):
    """Why a load cannot be run here, or None."""
    if load.tool == "h2load" and shutil.which("h2load") is None:
        return "h2load is missing (Debian package nghttp2-client)"
    if load.vhost == "h2" and mpm == "prefork":
        return "mod_http2 does not work with prefork"
    return None
