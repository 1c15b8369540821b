"""Memory per idle connection and per virtual host, and the cost of a configuration pass."""

import contextlib
import os
import statistics
import subprocess
import time
from dataclasses import dataclass, field

from .errors import BenchError
from .fixtures import SMALL_BYTES
from .httpd import Server

_ANSWER_SECONDS = 60
_SETTLE_SECONDS = 0.3


@dataclass
class Footprint:
    """One figure, measured on fresh servers of both modules in turns."""

    name: str
    title: str
    unit: str
    per: str
    bar: float | None = None
    ours: list = field(default_factory=list)
    reference: list = field(default_factory=list)
    problem: str | None = None

    def ratio(self):
        return statistics.median(self.ours) / statistics.median(self.reference)


@contextlib.contextmanager
def _idle_client(fixtures, server, processors):
    """A client that opens connections when told; they end with it."""

    def prepare_child():
        if processors:
            os.sched_setaffinity(0, processors)

    command = [fixtures.client, "idle", "-v", "1.3", "-p", server.ports["p256"], "-u", "/small.txt"]
    command += ["-b", SMALL_BYTES, "-t", _ANSWER_SECONDS]
    client = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True, preexec_fn=prepare_child)

    def open_connections(number):
        client.stdin.write(f"open {number}\n")
        client.stdin.flush()
        if not client.stdout.readline().startswith("open "):  # its alarm bounds this
            raise BenchError(f"the idle connections to {server.name} could not be opened")

    try:
        yield open_connections
    finally:
        client.kill()
        client.wait()
        client.stdin.close()
        client.stdout.close()


def per_idle_connection(make_server, fixtures, processors, connections):
    """KiB of private memory that each further idle keep-alive connection takes."""
    with make_server(vhosts=0) as server, _idle_client(fixtures, server, processors) as open_connections:
        # The first ones pay for what is kept per thread and per process.
        open_connections(connections // 4)
        time.sleep(_SETTLE_SECONDS)
        before = server.private_kib()
        open_connections(connections)
        time.sleep(_SETTLE_SECONDS)
        return (server.private_kib() - before) / connections


def per_vhost(make_server, vhosts):
    """KiB of private memory per virtual host, and CPU milliseconds of a configuration pass per virtual host: each with a
    certificate of its own, and the passes with one certificate for all, too."""
    with make_server(vhosts=0) as small:
        few_kib, few_seconds = _sizes(small)
    with make_server(vhosts=vhosts) as large:
        many_kib, many_seconds = _sizes(large)
    with make_server(vhosts=vhosts, shared=True) as large:
        _, shared_seconds = _sizes(large)
    return ((many_kib - few_kib) / vhosts, (many_seconds - few_seconds) * 1e3 / vhosts,
            (shared_seconds - few_seconds) * 1e3 / vhosts)


def _sizes(server):
    time.sleep(_SETTLE_SECONDS)
    kib = server.private_kib()
    return kib, statistics.median(server.restart(generation) for generation in (2, 3, 4))


def measure(settings, fixtures, wanted, tell):
    """The wanted ones of idle, vhost; both modules in turns, each time on new servers."""
    idle = Footprint("idle", "memory of an idle connection", "KiB", "connection", 0.80)
    vhost = Footprint("vhost", "memory of a virtual host", "KiB", "vhost", 0.50)
    config = Footprint("config", "configuration pass, own certificates", "ms", "vhost", 0.60)
    shared = Footprint("config-shared", "configuration pass, one certificate", "ms", "vhost", 0.25)

    def maker(side):
        return lambda vhosts, shared=False: Server(side, settings.modules[side], settings.installation, fixtures,
                                                   settings.mpm, settings.server_processors, vhosts, shared)

    def measure_idle(side):
        getattr(idle, side).append(
            per_idle_connection(maker(side), fixtures, settings.client_processors, settings.connections))

    def measure_vhosts(side):
        for figure, value in zip((vhost, config, shared), per_vhost(maker(side), settings.vhosts)):
            getattr(figure, side).append(value)

    kinds = {"idle": (measure_idle, [idle]), "vhost": (measure_vhosts, [vhost, config, shared])}
    results = []
    for name in wanted:
        measure_side, figures = kinds[name]
        results += figures
        tell(figures[0].title)
        try:
            for number in range(settings.footprint_rounds):
                for side in ("ours", "reference") if number % 2 == 0 else ("reference", "ours"):
                    measure_side(side)
        except BenchError as error:
            for figure in figures:
                figure.problem = str(error)
    return results
