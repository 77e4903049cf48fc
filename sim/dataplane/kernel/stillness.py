"""Standing checks (rounds.py) from outside: as they are set and handed back, what they use, and
since when and until when nothing happens but those that pass. `w` is the record.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sim.dataplane.codes import ID_BITS, Life
from sim.dataplane.kernel.codes import HTTP, ROUND
from sim.dataplane.kernel.layout import STANDING
from sim.dataplane.kernel.rounds import LATE
from sim.dataplane.plane import RoundsSoFar, StandingCheck


class Stillness:
    """The latest that was found: it holds until a verb acts."""

    since_s = until_s = 0.0

    def bind(self, box: Any) -> None:
        """To the record; what is read at each look is held (a field of a record is found in a third
        of a microsecond)."""
        self.w = box[0]
        self.now, self.arrival, self.arrivals = box["now"], box["arrival"], box["arrivals"]
        self.arrival_at = self.w["arrival_at"]

    def over(self) -> None:
        """A verb acts."""
        self.until_s = 0.0

    def until(self, least_s: float) -> float:
        """As `DataPlane.stands_until`."""
        now, arrival = float(self.now.item()), self.arrival.item()
        if now < self.until_s:
            return self.until_s
        if arrival >= self.arrivals.item() or self.arrival_at.item(arrival) <= least_s:
            return now
        until_s = stands_until(self.w, now)
        if until_s > now:
            self.since_s, self.until_s = now, until_s
        return until_s


def stands_until(w: Any, now: float) -> float:
    """Before this time nothing happens but checks that pass; now where something runs."""
    containers, arrival = int(w["containers"]), int(w["arrival"])
    running = w["due"][:containers].min(initial=math.inf) < math.inf
    full = w["store"]["full_since"].min() < math.inf
    if running or full or w["agenda_tail"] > 0:
        return now
    timers = w["heap"][: int(w["heap_n"])]
    times = timers["t"]
    if checks_pass(w):
        times = times[timers["key"] < ROUND << ID_BITS]
    due = [w["arrival_at"][arrival], times.min(initial=math.inf)]
    for ring in range(w["rings"]):  # `advance` has gone past those that act no more
        head = int(w["ring_head"][ring])
        if head < w["ring_tail"][ring]:
            due.append(w["ring"]["t"][ring, head & int(w["ring_mask"])])
    places = w["line_first"][w["line_first"] >= 0]
    return float(min([*due, *w["line"]["until"][places]]))


def checks_pass(w: Any) -> bool:
    """While nothing else happens, does each standing check find a process that answers it in time,
    and does nobody notice? Each of a server's may fall together with all others of it."""
    of = np.flatnonzero(w["round"]["stands"][: STANDING * int(w["containers"])])
    checks, all_containers, at = w["round"], w["container"], of // STANDING
    if checks["deep"][of].any() or (all_containers["life"][at] != Life.LISTENING).any():
        return False
    servers, rules = all_containers["server"][at], all_containers["profile"][at]
    machines, versions = w["machine"], w["version"]
    idle = w["machine"]["alive"][servers] != 0
    for column in ("hung", "frozen"):
        idle &= all_containers[column][at] == 0
    # its way through the queue, where it takes one
    queues = (versions["kind"][rules] == HTTP) & (versions["probe_beside"][rules] == 0)
    for column in ("held", "queued", "dialled"):
        idle &= ~queues | (all_containers[column][at] == 0)
    idle &= ~queues | (versions["slots"][rules] + versions["backlog"][rules] >= STANDING)
    bytes_more = np.where(queues, versions["memory_per_request"][rules], 0)
    limit = versions["memory_limit"][rules]
    idle &= (limit == 0) | (all_containers["memory"][at] + STANDING * bytes_more <= limit)
    more = np.bincount(servers, bytes_more, len(machines))
    idle &= (machines["memory"] + more <= machines["capacity"])[servers]
    # some process of a server is at work, at the least of their caps, until all have answered
    work = np.bincount(servers, versions["probe_cpu_s"][rules], len(machines))
    speed = np.minimum(1.0, machines["cores"])
    np.minimum.at(speed, servers, all_containers["cap"][at])
    answered_s = work[servers] / speed[servers]
    idle &= answered_s < LATE * checks["timeout"][of]
    idle &= answered_s < checks["period"][of]
    return bool(idle.all())


def checks_use(w: Any, c: int, within_s: float) -> tuple[float, int]:
    """Of each: those that end within it, the last that began, and one that was open."""
    rows = w["round"][STANDING * c : STANDING * (c + 1)]
    periods = rows["period"][rows["stands"] != 0]
    rules = w["version"][w["container"]["profile"][c]]
    times = float((within_s / periods + 2.0).sum())
    return times * float(rules["probe_cpu_s"]), len(periods) * int(rules["memory_per_request"])


def write_round(w: Any, check: StandingCheck) -> None:
    row = w["round"][check.key]
    row["first"], row["period"], row["timeout"] = check.first_s, check.period_s, check.timeout_s
    row["k"], row["deep"], row["due"] = check.k, check.deep, check.due_s
    row["question"], row["stands"], row["grid"] = -1, 1, check.grid


def ended_round(w: Any, key: int) -> RoundsSoFar:
    row = w["round"][key]
    row["stands"] = 0
    return RoundsSoFar(int(row["k"]), float(row["due"]), float(row["asked"]), int(row["question"]))


def asking_round(w: Any, probe: int) -> int:
    """Whose open question it is, or -1."""
    rows = w["round"][: STANDING * int(w["containers"])]
    keys = np.flatnonzero((rows["stands"] != 0) & (rows["question"] == probe))
    return int(keys[0]) if len(keys) else -1
