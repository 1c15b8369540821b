"""Two servers, one load, turns in the order A B B A: the ratio of their CPU time."""

import random
import statistics
import time
from dataclasses import dataclass, field

from .errors import BenchError

# After the client's end the server still closes connections; that work belongs to the turn.
_SETTLE_SECONDS = 0.01
_LARGEST_COUNT = 200_000


@dataclass(frozen=True)
class Turn:
    """What one server spent on one run of a load, per operation."""

    cpu: float  # seconds
    switches: float  # voluntary context switches
    wall: float  # seconds


@dataclass
class Comparison:
    """All rounds of one load."""

    load: object
    count: int = 0  # operations per turn
    ours: list = field(default_factory=list)
    reference: list = field(default_factory=list)
    ratios: list = field(default_factory=list)  # one per round
    problem: str | None = None
    skipped: bool = False  # the problem is this machine's, not the module's

    def median(self):
        return statistics.median(self.ratios)

    def interval(self):
        """Where the median would be, with 95% confidence, were the rounds drawn anew."""
        chance = random.Random(1)
        medians = sorted(
            statistics.median(chance.choices(self.ratios, k=len(self.ratios))) for _ in range(1000)
        )
        return medians[25], medians[974]

    def typical(self, turns, what):
        return statistics.median(getattr(turn, what) for turn in turns)


def take_turn(load, fixtures, server, count, processors):
    before = server.counters()
    wall = load.run(fixtures, server, count, processors)
    time.sleep(_SETTLE_SECONDS)
    after = server.counters()
    if before.processes != after.processes:
        raise BenchError(f"{load.name}: {server.name} started or lost a process while it was measured")
    return Turn(
        cpu=(after.cpu - before.cpu) / count,
        switches=(after.switches - before.switches) / count,
        wall=wall / count,
    )


def find_count(load, fixtures, server, processors, seconds):
    """How many operations fill a turn of so many seconds."""
    wall = min(load.run(fixtures, server, load.first_count, processors) for _ in range(3))
    return max(1, min(_LARGEST_COUNT, round(load.first_count * seconds / max(wall, 1e-6))))


def run_rounds(comparison, fixtures, servers, processors, rounds):
    """Add ROUNDS rounds to a comparison; whoever begins changes from round to round."""
    load, count = comparison.load, comparison.count
    for server in servers.values():  # warm: threads, caches, branch predictors
        load.run(fixtures, server, max(1, count // 4), processors)
    for _ in range(rounds):
        first, second = ("ours", "reference") if len(comparison.ratios) % 2 == 0 else ("reference", "ours")
        spent = {"ours": [], "reference": []}
        for side in (first, second, second, first):
            spent[side].append(take_turn(load, fixtures, servers[side], count, processors))
        comparison.ours += spent["ours"]
        comparison.reference += spent["reference"]
        comparison.ratios.append(sum(t.cpu for t in spent["ours"]) / sum(t.cpu for t in spent["reference"]))
