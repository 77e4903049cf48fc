"""What of a recording was replayed, in lines: kind, length, how much, what is left out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from sim.report.text import words


def lines(recorded: Mapping[str, Any]) -> list[str]:
    """Of `sim.imports.traffic.replay.figures`; [] where nothing was replayed."""
    return list(_lines(recorded)) if recorded else []


def _lines(source: Mapping[str, Any]) -> Iterator[str]:
    counted = source["lines"]
    span = "without end" if source["recorded_s"] is None else words.duration(source["recorded_s"])
    yield f"{', '.join(source['files'])}: {source['kind']}; {span} from {source['begins']} on"
    read = f"{words.count(counted['read'])} lines, {words.count(counted['used'])} used"
    yield ", ".join([read, *_dropped(counted), *([] if source["in_order"] else ["put in order"])])
    changes = [
        source["part"] and f"the part {source['part']}",
        source["path"] and f"paths that match {source['path']}",
        source["speed"] != 1 and f"{source['speed']:g} times as fast",
        source["scale"] != 1 and f"{source['scale']:g} times as many",
    ]
    changed = ", ".join(change for change in changes if change)
    rates = f"mean {_rate(source['mean_per_s'])}, peak {_rate(source['peak_per_s'])}"
    requests = words.count(round(source["requests_used"]))
    yield f"{changed + ': ' if changed else ''}{requests} requests, {rates}"
    if "endpoints" in source:
        shares = ", ".join(
            f"{asked['path'] or 'the rest'} {words.share(asked['share'])} ({name})"
            for name, asked in source["endpoints"].items()
        )
        yield f"endpoints, of all its requests: {shares}"
    yield from _fit(source)


def _dropped(counted: Mapping[str, int]) -> Iterator[str]:
    if counted["no_request"]:
        yield f"{words.count(counted['no_request'])} other lines (headers, other metrics)"
    if counted["other_path"]:
        yield f"{words.count(counted['other_path'])} of other paths"
    if counted["dropped"]:
        share = words.share(counted["dropped"] / counted["read"])
        number = words.count(counted["dropped"])
        first = counted["first_dropped"]
        yield f"{number} unreadable and dropped ({share}; the first is line {first})"


def _fit(source: Mapping[str, Any]) -> Iterator[str]:
    """A recording that is longer or shorter than the run: what that means, and what would do."""
    span, horizon = source["span_s"], source["horizon_s"]
    if span is None or abs(span - horizon) < 1.0:
        return
    if span > horizon:
        unused = source["requests"] - source["requests_used"]
        share = words.share(unused / source["requests"]) if source["requests"] else "0 %"
        yield (
            f"longer than the run ({words.duration(span)}, {words.duration(horizon)}): "
            f"{words.count(round(unused))} requests ({share}) come after its end and are left out; "
            f"--set scenario.horizon={math.ceil(span)}s replays all, "
            f"--busiest {horizon:.0f}s the busiest part"
        )
    else:
        yield (
            f"shorter than the run ({words.duration(span)}, {words.duration(horizon)}): nobody "
            f"comes after its end; --set scenario.horizon={max(1, math.ceil(span))}s ends with it"
        )


def _rate(value: float) -> str:
    return f"{value:,.1f}/s" if value >= 10 else f"{value:.3g}/s"
