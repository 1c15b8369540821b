"""The table for people and the JSON for programs."""

import json
import os
import platform
import statistics

_HEAD = (f"{'load':<38}{'ours':>11}{'reference':>11}  {'per':<10}{'ratio':>6}  {'95% of median':<14}"
         f"{'bar':>5}  {'verdict':<8}{'sleeps':>13}")


def verdict(ratio, bar, interval=None):
    """`meets` or `misses`; with a question mark where the noise reaches over the bar."""
    if bar is None:
        return "-"
    word = "meets" if ratio <= bar else "misses"
    return word + "?" if interval and interval[0] <= bar < interval[1] else word


def _shown(value, unit):
    return f"{value:.{1 if value >= 10 else 3}f} {unit}"


def _line(title, ours, reference, operation, ratio, interval, bar, sleeps=""):
    between = f"{interval[0]:.3f}..{interval[1]:.3f}" if interval else ""
    shown_bar = f"{bar:.2f}" if bar is not None else "-"
    return (f"{title:<38}{ours:>11}{reference:>11}  {operation:<10}{ratio:>6.3f}  {between:<14}{shown_bar:>5}  "
            f"{verdict(ratio, bar, interval):<8}{sleeps:>13}").rstrip()


def comparison_line(result):
    load = result.load
    if result.problem:
        return f"{load.title:<38}not measured: {result.problem}"
    ours, reference = (load.figure(result.typical(turns, "cpu")) for turns in (result.ours, result.reference))
    sleeps = [result.typical(turns, "switches") for turns in (result.ours, result.reference)]
    return _line(load.title, _shown(*ours), _shown(*reference), load.per, result.median(), result.interval(), load.bar,
                 f"{sleeps[0]:.2f}/{sleeps[1]:.2f}")


def footprint_line(result):
    if result.problem:
        return f"{result.title:<38}not measured: {result.problem}"
    ours, reference = statistics.median(result.ours), statistics.median(result.reference)
    return _line(result.title, _shown(ours, result.unit), _shown(reference, result.unit), result.per, result.ratio(),
                 None, result.bar)


def stalled_line(result):
    if result.problem:
        return f"{result.title:<38}not measured: {result.problem}"
    ours, reference = result.typical("ours"), result.typical("reference")
    if ours is not None and reference is not None:
        return _line(result.title, _shown(ours, "us"), _shown(reference, "us"), "handshake", ours / reference, None, None)
    shown = ("not served" if side is None else _shown(side, "us") for side in (ours, reference))
    return f"{result.title:<38}" + "".join(f"{side:>11}" for side in shown) + "  handshake"


def preface(settings):
    """What is compared, and on how quiet a machine."""
    server, clients = settings.server_processors, settings.client_processors
    where = f"server on processor {min(server)}, clients on the others" if server and clients else "nothing pinned"
    return (f"ours       {settings.modules['ours']}\n"
            f"reference  {settings.modules['reference']}\n"
            f"httpd      {settings.installation.binary}, MPM {settings.mpm}; {where}; "
            f"load average {os.getloadavg()[0]:.2f}\n"
            f"turns      {settings.rounds} rounds of four, {settings.seconds:g} s each, "
            f"on {settings.restarts} pairs of servers\n")


def head():
    return f"{_HEAD}\n{'-' * len(_HEAD)}"


def _comparison_json(result):
    """One operation is a request or a handshake; `bytes` is the size of its body where that matters, else 0."""
    load = result.load
    entry = {"name": load.name, "title": load.title, "bytes": load.transfer, "bar": load.bar}
    if result.problem:
        return {**entry, "problem": result.problem}
    low, high = result.interval()

    def side(turns):
        return {
            "cpu_seconds": result.typical(turns, "cpu"),
            "voluntary_switches": result.typical(turns, "switches"),
            "wall_seconds": result.typical(turns, "wall"),
        }

    return {**entry, "operations_per_turn": result.count, "ours": side(result.ours),
            "reference": side(result.reference), "ratio": result.median(), "interval": [low, high],
            "rounds": result.ratios, "verdict": verdict(result.median(), load.bar, (low, high))}


def _footprint_json(result):
    entry = {"name": result.name, "title": result.title, "unit": result.unit, "bar": result.bar}
    if result.problem:
        return {**entry, "problem": result.problem}
    return {**entry, "ours": result.ours, "reference": result.reference, "ratio": result.ratio(),
            "verdict": verdict(result.ratio(), result.bar)}


def _stalled_json(result):
    if result.problem:
        return {"number": result.number, "problem": result.problem}
    return {"number": result.number, "ours": result.ours, "reference": result.reference, "kib": result.kib}


def write_json(path, settings, comparisons, footprints, stalled):
    document = {
        "modules": {side: str(module) for side, module in settings.modules.items()},
        "httpd": settings.installation.binary,
        "mpm": settings.mpm,
        "machine": platform.platform(),
        "loads": [_comparison_json(result) for result in comparisons],
        "footprints": [_footprint_json(result) for result in footprints],
        "stalled": [_stalled_json(result) for result in stalled],
    }
    with open(path, "w") as file:
        json.dump(document, file, indent=2)
        file.write("\n")


def misses(comparisons, footprints):
    """How many figures are on the wrong side of their bar."""
    ratios = [(r.median(), r.load.bar) for r in comparisons if not r.problem]
    ratios += [(r.ratio(), r.bar) for r in footprints if not r.problem]
    return sum(1 for ratio, bar in ratios if bar is not None and ratio > bar)
