"""What the servers of a run share: the site, the certificates, the compiled client."""

import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .errors import BenchError

SMALL_BYTES = 1024
LARGE_BYTES = 100_000_000

_KEYS = {
    "rsa": ["-newkey", "rsa:2048"],
    "p256": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
}


def need(tool, package):
    """The path of a tool, or an error naming the Debian package that has it."""
    path = shutil.which(tool)
    if path is None:
        raise BenchError(f"{tool} is missing (Debian package {package})")
    return path


def make_site(directory):
    """The documents: 1 KiB and 100 MB of noise."""
    directory.mkdir()
    (directory / "small.txt").write_bytes(b"0123456789abcde\n" * (SMALL_BYTES // 16))
    block = os.urandom(1_000_000)
    with open(directory / "large.bin", "wb") as large:
        for _ in range(LARGE_BYTES // len(block)):
            large.write(block)


def make_certificate(directory, name, kind, host):
    """NAME.crt and NAME.key, self-signed, with a key of the given kind."""
    command = [need("openssl", "openssl"), "req", "-x509", "-nodes", "-days", "7", "-batch"]
    command += [*_KEYS[kind], "-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}"]
    command += ["-keyout", f"{directory}/{name}.key", "-out", f"{directory}/{name}.crt"]
    made = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if made.returncode != 0:
        raise BenchError(f"openssl req failed: {made.stderr.strip()}")


def make_vhost_certificates(directory, count):
    """A certificate of its own for each of COUNT virtual hosts: N.crt, N.key for host-N.example."""
    directory.mkdir(exist_ok=True)
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as workers:
        numbers = [n for n in range(count) if not (directory / f"{n}.crt").exists()]
        list(workers.map(lambda n: make_certificate(directory, str(n), "p256", f"host-{n}.example"), numbers))


def compile_client(source, binary):
    command = [need("cc", "gcc"), "-O2", "-o", str(binary), str(source), "-lssl", "-lcrypto", "-lpthread"]
    built = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if built.returncode != 0:
        raise BenchError(f"the client does not compile (Debian packages gcc, libssl-dev):\n{built.stderr}")


class Fixtures:
    """Everything under one directory, which belongs to the run and goes with it."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.site = self.directory / "site"
        self.certificates = self.directory / "certificates"
        self.vhost_certificates = self.directory / "vhost-certificates"
        self.client = self.directory / "client"

    def prepare(self, client_source):
        self.certificates.mkdir()
        make_site(self.site)
        for kind in _KEYS:
            make_certificate(self.certificates, kind, kind, "bench.example")
        compile_client(client_source, self.client)
