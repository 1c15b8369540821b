"""What Linux tells about a group of processes: CPU time, context switches, memory.

A group is a session in the sense of setsid(2): every server is started as the
leader of its own, so that all its processes are found whoever their parent is.
"""

import os
import time
from dataclasses import dataclass

# clock id of a process's CPU clock: clock_getcpuclockid(3) of glibc computes the same.
_CPUCLOCK_SCHED = 2

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Counters:
    """Totals since the start of the group's processes."""

    cpu: float  # seconds, user and system, children already reaped included
    switches: int  # voluntary context switches: how often a thread went to sleep
    processes: frozenset  # the pids that were counted


def _stat_fields(pid):
    """The fields of /proc/PID/stat from the third one (state) on, or None when it is gone."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def members(session):
    """The living processes of a session, zombies left out."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        fields = _stat_fields(entry)
        if fields and fields[0] != "Z" and int(fields[3]) == session:
            found.append(int(entry))
    return sorted(found)


def cpu_seconds(pid):
    """User and system time of all threads of a process, ended ones included: exact to the nanosecond."""
    return time.clock_gettime_ns((~pid) << 3 | _CPUCLOCK_SCHED) / 1e9


def _reaped_seconds(pid):
    """CPU time of the children this process has waited for (cutime and cstime)."""
    fields = _stat_fields(pid)
    return (int(fields[13]) + int(fields[14])) / _TICKS_PER_SECOND if fields else 0.0


def _voluntary_switches(pid):
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status") as status:
            for line in status:
                if line.startswith("voluntary_ctxt_switches:"):
                    total += int(line.split()[1])
    return total


def counters(session):
    pids = members(session)
    return Counters(
        cpu=sum(cpu_seconds(pid) + _reaped_seconds(pid) for pid in pids),
        switches=sum(_voluntary_switches(pid) for pid in pids),
        processes=frozenset(pids),
    )


def _rollup_kib(pid):
    with open(f"/proc/{pid}/smaps_rollup") as rollup:
        next(rollup)
        pairs = (line.split(":") for line in rollup)
        return {name: int(value.split()[0]) for name, value in pairs}


def private_kib(session):
    """Anonymous memory of a session in KiB.

    Pss_Anon counts a page that k processes share since fork(2) as 1/k in each, so
    that the sum over a server counts every page once. Kernels before 5.14 do not
    have it: there the private dirty pages are taken.
    """
    total = 0
    for pid in members(session):
        sizes = _rollup_kib(pid)
        total += sizes.get("Pss_Anon", sizes["Private_Dirty"])
    return total


def choose_processors():
    """Two disjoint sets of processors, (server, clients), or (None, None) on a machine with one."""
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        return None, None
    # Interrupts usually arrive on the first processors: the server gets the last.
    return {usable[-1]}, set(usable[:-1])
