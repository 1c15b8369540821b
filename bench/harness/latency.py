"""How long handshakes take while an OCSP responder does not answer."""

import contextlib
import json
import socket
import statistics

from .errors import BenchError
from .footprint import Footprint
from .httpd import Server
from .loads import call

_HANDSHAKES = 500
_CLIENT_SECONDS = 60


@contextlib.contextmanager
def _dead_responder():
    """One that accepts connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        listener.setblocking(False)
        yield listener


def _check_asked(listener):
    """Without a question there was nothing that could have been slow."""
    try:
        listener.accept()[0].close()
    except BlockingIOError:
        raise BenchError("the OCSP responder was not asked") from None


def _lines(certificates, root, responder):
    """The same for both servers, but for SSLUseStapling. The certificate is its own issuer."""
    lines = f'SSLCACertificateFile "{certificates}/p256.crt"\nSSLStaplingCache "shmcb:{root}/staples(65536)"\n'
    if responder:
        lines += f"SSLUseStapling on\nSSLStaplingForceURL {responder}\n"
        lines += "SSLStaplingErrorCacheTimeout 1\nSSLStaplingReturnResponderErrors off\n"
    return lines


def _percentiles(settings, fixtures, server):
    command = [fixtures.client, "latency", "-v", "1.3", "-p", server.ports["p256"], "-n", _HANDSHAKES,
               "-t", _CLIENT_SECONDS]
    return json.loads(call(command, settings.client_processors))


def measure(settings, fixtures, tell):
    """99 and 50 of 100 handshakes are quicker than: with stapling and a dead responder, against without stapling. Both
    are this module's; turns in the order A B B A."""
    slow = Footprint("stapling", "handshake p99, dead OCSP responder", "ms", "handshake", 1.10)
    usual = Footprint("stapling-p50", "handshake p50, dead OCSP responder", "ms", "handshake", 1.10)
    tell(slow.title)

    def server(name, responder):
        lines = _lines(fixtures.certificates, fixtures.directory, responder)
        return Server(name, settings.modules["ours"], settings.installation, fixtures, settings.mpm,
                      settings.server_processors, lines=lines)

    try:
        with (_dead_responder() as listener,
              server("stapling", f"http://127.0.0.1:{listener.getsockname()[1]}/") as dead,
              server("plain", None) as plain):
            for number in range(max(settings.rounds, 2)):
                order = [("ours", dead), ("reference", plain)]
                turns = order + order[::-1] if number % 2 == 0 else order[::-1] + order
                found = {"ours": [], "reference": []}
                for side, which in turns:
                    found[side].append(_percentiles(settings, fixtures, which))
                for side, values in found.items():
                    getattr(slow, side).append(statistics.mean(value["p99"] for value in values) * 1e3)
                    getattr(usual, side).append(statistics.mean(value["p50"] for value in values) * 1e3)
            _check_asked(listener)
    except BenchError as error:
        slow.problem = usual.problem = str(error)
    return [slow, usual]
