"""Good clients beside others that stop in the middle of their ClientHello."""

import contextlib
import json
import os
import resource
import socket
import ssl
import statistics
import subprocess
import time
from dataclasses import dataclass, field

from .errors import BenchError
from .httpd import Server

NUMBERS = (0, 100, 1000)
_HANDSHAKES = 500
_PATIENCE_SECONDS = 5  # shorter than any limit of the servers
_CONNECT_SECONDS = 1
_SETTLE_SECONDS = 0.3
_KEPT_BYTES = 120


@dataclass
class Stalled:
    """CPU of a good client's handshake, and memory of a stalled client, in turns; None where nobody was served."""

    number: int
    ours: list = field(default_factory=list)
    reference: list = field(default_factory=list)
    kib: dict = field(default_factory=lambda: {"ours": [], "reference": []})
    problem: str | None = None

    @property
    def title(self):
        return f"full handshake beside {self.number} stalled ones"

    def typical(self, side):
        """Microseconds, or None when it was not served in some round."""
        figures = getattr(self, side)
        return None if None in figures else statistics.median(figures)


def _client_hello():
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl._create_unverified_context().wrap_bio(incoming, outgoing, server_hostname="bench.example")
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def _stall(port, number):
    """So many connections, or as many as the server and its kernel take."""
    part = _client_hello()[:_KEPT_BYTES]
    for _ in range(number):
        try:
            stalled = socket.create_connection(("127.0.0.1", port), _CONNECT_SECONDS)
        except TimeoutError:
            return
        stalled.sendall(part)
        yield stalled


def _handshakes(fixtures, server, processors):
    """CPU microseconds of the server for each, or None."""

    def prepare_child():
        if processors:
            os.sched_setaffinity(0, processors)

    def run(count):
        command = [fixtures.client, "handshake", "-c", "4", "-v", "1.3", "-g", "ECDSA+SHA256"]
        command += ["-p", server.ports["p256"], "-n", count, "-t", _PATIENCE_SECONDS]
        done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              check=False, preexec_fn=prepare_child)
        return done.returncode == 0 and json.loads(done.stdout)["units"] == count

    if not run(20):
        return None
    before = server.counters().cpu
    served = run(_HANDSHAKES)
    return (server.counters().cpu - before) / _HANDSHAKES * 1e6 if served else None


def _measure_side(settings, fixtures, result, side):
    server = Server(side, settings.modules[side], settings.installation, fixtures, settings.mpm, settings.server_processors)
    with server, contextlib.ExitStack() as open_sockets:
        _handshakes(fixtures, server, settings.client_processors)
        memory = server.private_kib()
        for stalled in _stall(server.ports["p256"], result.number):
            open_sockets.enter_context(stalled)
        time.sleep(_SETTLE_SECONDS)
        more = server.private_kib() - memory
        getattr(result, side).append(_handshakes(fixtures, server, settings.client_processors))
        if result.number and None not in getattr(result, side):
            result.kib[side].append(more / result.number)


def measure(settings, fixtures, tell):
    """A result for each number of stalled clients."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    results = [Stalled(number) for number in NUMBERS]
    for result in results:
        tell(result.title)
        try:
            for turn in range(2 * settings.footprint_rounds):
                _measure_side(settings, fixtures, result, ("ours", "reference")[turn % 2])
        except (BenchError, OSError) as error:
            result.problem = str(error)
    return results
