"""A private httpd: its configuration, its start and end, and what its processes have used."""

import ctypes
import grp
import os
import pwd
import resource
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from . import procfs
from .errors import BenchError

THREADS = 32
START_SECONDS = 30
STOP_SECONDS = 15
_READY_LINE = "resuming normal operations"
_PR_SET_PDEATHSIG = 1

# Modules beside mod_ssl and the MPM, with what a build that has them inside calls them.
_MODULES = {
    "unixd_module": "mod_unixd",
    "log_config_module": "mod_log_config",
    "authz_core_module": "mod_authz_core",
    "socache_shmcb_module": "mod_socache_shmcb",
    "http2_module": "mod_http2",
    "proxy_module": "mod_proxy",
    "proxy_http_module": "mod_proxy_http",
}

_MPM_SETTINGS = {
    # One child process with a fixed number of threads: none is started or ended while it is measured.
    "event": f"""
StartServers 1
ServerLimit 2
ThreadsPerChild {THREADS}
ThreadLimit {THREADS}
MaxRequestWorkers {THREADS}
MinSpareThreads 1
MaxSpareThreads {2 * THREADS}
AsyncRequestWorkerFactor 64
""",
    "prefork": f"""
StartServers {THREADS}
ServerLimit {THREADS}
MaxRequestWorkers {THREADS}
MinSpareServers {THREADS}
MaxSpareServers {2 * THREADS}
""",
}
_MPM_SETTINGS["worker"] = _MPM_SETTINGS["event"].replace("AsyncRequestWorkerFactor 64\n", "")


# Hosts that pass requests on: with connections that are kept, and with one for each request.
_PROXIES = {"kept": "", "new": "disablereuse=on"}


@dataclass(frozen=True)
class Installation:
    """An httpd found on this machine."""

    binary: str
    modules: Path
    compiled_in: str  # the output of httpd -l

    @classmethod
    def find(cls):
        apxs = shutil.which(os.environ.get("APXS", "apxs")) or shutil.which("apxs2")
        if apxs is None:
            raise BenchError("apxs is missing (Debian package apache2-dev); APXS names it")

        def ask(name):
            answer = subprocess.run([apxs, "-q", name], capture_output=True, text=True, timeout=30, check=False)
            return answer.stdout.strip()

        binary = os.environ.get("HTTPD") or f"{ask('SBINDIR')}/{ask('PROGNAME')}"
        if not os.access(binary, os.X_OK):
            raise BenchError(f"{binary} cannot be run (Debian package apache2); HTTPD names it")
        listing = subprocess.run([binary, "-l"], capture_output=True, text=True, timeout=30, check=False)
        return cls(binary, Path(ask("LIBEXECDIR")), listing.stdout)

    def load_lines(self, mpm):
        """LoadModule lines for all but mod_ssl."""
        wanted = {f"mpm_{mpm}_module": f"mod_mpm_{mpm}", **_MODULES}
        if mpm == "prefork":
            del wanted["http2_module"]
        lines = []
        for name, file in wanted.items():
            inside = file.removeprefix("mod_mpm_") + ".c" if "_mpm_" in file else file + ".c"
            if inside not in self.compiled_in:
                lines.append(f"LoadModule {name} {self.modules}/{file}.so")
        return "\n".join(lines)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _user_lines():
    """httpd does not serve as root: started by root it becomes an account without rights."""
    if os.geteuid() != 0:
        return ""
    account = pwd.getpwnam("nobody")
    return f"User {account.pw_name}\nGroup {grp.getgrgid(account.pw_gid).gr_name}\n"


def _vhost(port, name, certificate, extra=""):
    return f"""
<VirtualHost 127.0.0.1:{port}>
ServerName {name}
SSLEngine on
SSLCertificateFile "{certificate}.crt"
SSLCertificateKeyFile "{certificate}.key"
{extra}</VirtualHost>
"""


class Server:
    """One httpd with the module to be measured, on its own ports and in its own directory.

    `name` tells it from the others of the run; `vhosts` adds that many name-based virtual
    hosts, each with its own certificate, on a further port; `lines` are further ones for all.
    With a `backend`, another of these, there are two hosts that pass requests on to it.
    """

    def __init__(self, name, module, installation, fixtures, mpm, processors=None, vhosts=0, shared=False, lines="",
                 backend=None):
        self.name = name
        self.module = module
        self.installation = installation
        self.fixtures = fixtures
        self.mpm = mpm
        self.processors = processors
        self.vhosts = vhosts
        self.shared = shared
        self.lines = lines
        self.backend = backend
        self.root = fixtures.directory / name
        self.ports = {}
        self.process = None

    # -- configuration -------------------------------------------------------

    def _configuration(self):
        certificates = self.fixtures.certificates
        kinds = {
            "rsa": ("rsa", ""),
            "p256": ("p256", ""),
            "no-tickets": ("p256", "SSLSessionTickets off\n"),
            "h2": ("p256", "Protocols h2 http/1.1\n"),
        }
        if self.mpm == "prefork":
            del kinds["h2"]
        if self.backend:
            kinds |= {f"proxy-{kind}": ("p256", self._proxy_lines(options)) for kind, options in _PROXIES.items()}
        self.ports = {kind: free_port() for kind in [*kinds, "vhosts"]}
        hosts = [
            _vhost(self.ports[kind], "bench.example", certificates / certificate, extra)
            for kind, (certificate, extra) in kinds.items()
        ]
        hosts += [
            _vhost(self.ports["vhosts"], f"host-{n}.example", self.fixtures.vhost_certificates / ("0" if self.shared else str(n)))
            for n in range(self.vhosts)
        ]
        used = [port for kind, port in self.ports.items() if kind != "vhosts" or self.vhosts]
        listen = "\n".join(f"Listen 127.0.0.1:{port}" for port in used)
        return f"""
ServerRoot "{self.root}"
ServerName bench.example
DefaultRuntimeDir "{self.root}"
PidFile "{self.root}/httpd.pid"
{self.installation.load_lines(self.mpm)}
LoadModule ssl_module "{self.module}"
{_user_lines()}{listen}
{_MPM_SETTINGS[self.mpm]}
Timeout 60
KeepAlive On
KeepAliveTimeout 300
MaxKeepAliveRequests 0
LogLevel notice
ErrorLog "{self.root}/error.log"
# The access log is formatted and written as on any server, but not to a disk.
LogFormat "%h %l %u %t \\"%r\\" %>s %b" common
CustomLog /dev/null common
SSLSessionCache "shmcb:{self.root}/sessions(512000)"
{self.lines}DocumentRoot "{self.fixtures.site}"
<Directory />
AllowOverride None
Require all denied
</Directory>
<Directory "{self.fixtures.site}">
Require all granted
</Directory>
{"".join(hosts)}"""

    def _proxy_lines(self, options):
        return f"""SSLProxyEngine on
SSLProxyVerify require
SSLProxyCACertificateFile "{self.fixtures.certificates / 'p256'}.crt"
ProxyPreserveHost on
ProxyPass / https://127.0.0.1:{self.backend.ports["p256"]}/ {options}
"""

    # -- life ----------------------------------------------------------------

    def start(self):
        shutil.rmtree(self.root, ignore_errors=True)
        self.root.mkdir()
        (self.root / "httpd.conf").write_text(self._configuration())
        libc = ctypes.CDLL(None)

        def prepare_child():
            # The server must not outlive a benchmark that was killed.
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
            hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            if self.processors:
                os.sched_setaffinity(0, self.processors)

        with open(self.root / "stderr", "wb") as stderr:
            self.process = subprocess.Popen(
                [self.installation.binary, "-DFOREGROUND", "-f", str(self.root / "httpd.conf")],
                stdin=subprocess.DEVNULL,
                stdout=stderr,
                stderr=stderr,
                start_new_session=True,
                preexec_fn=prepare_child,
            )
        try:
            self._wait_for_generation(1)
        except BaseException:
            self.stop()
            raise
        return self

    def _log(self, file="error.log"):
        path = self.root / file
        return path.read_text(errors="replace") if path.exists() else ""

    def _wait_for_generation(self, number):
        """Wait until the server has said for the NUMBERth time that it serves, and accepts."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                said = (self._log("stderr") + self._log()).strip().splitlines()[-8:]
                raise BenchError(f"httpd with {self.module} ended at its start:\n  " + "\n  ".join(said))
            if self._log().count(_READY_LINE) >= number and self._workers_are_up():
                return
            time.sleep(0.02)
        raise BenchError(f"httpd with {self.module} did not start in {START_SECONDS} s")

    def _workers_are_up(self):
        children = [pid for pid in procfs.members(self.process.pid) if pid != self.process.pid]
        if self.mpm == "prefork":
            return len(children) >= THREADS
        return any(len(os.listdir(f"/proc/{pid}/task")) > THREADS for pid in children)

    def restart(self, generation):
        """A graceful restart: one pass over the configuration. Returns the parent's CPU seconds."""
        before = procfs.cpu_seconds(self.process.pid)
        self.process.send_signal(signal.SIGUSR1)
        self._wait_for_generation(generation)
        return procfs.cpu_seconds(self.process.pid) - before

    def stop(self):
        if self.process is None:
            return
        session = self.process.pid
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        for pid in procfs.members(session):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait(STOP_SECONDS)
        self.process = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_exception):
        self.stop()

    # -- measures ------------------------------------------------------------

    def counters(self):
        return procfs.counters(self.process.pid)

    def private_kib(self):
        return procfs.private_kib(self.process.pid)
