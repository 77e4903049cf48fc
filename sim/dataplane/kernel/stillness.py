"""Standing checks (rounds.py) from outside: as they are set and handed back, what they use, and
since when and until when nothing happens but those that pass. `w` is the record.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.dataplane.arithmetic import INFINITY
from sim.dataplane.codes import ID_BITS
from sim.dataplane.kernel.codes import HTTP, LISTENING, ROUND
from sim.dataplane.kernel.compile import inner
from sim.dataplane.kernel.layout import STANDING
from sim.dataplane.kernel.rounds import LATE
from sim.dataplane.kernel.timing import NEVER
from sim.dataplane.kernel.verbs import STILL
from sim.dataplane.plane import RoundsSoFar, StandingCheck


class Stillness:
    """The latest that was found: it holds until a verb acts."""

    since_s = until_s = 0.0

    def over(self) -> None:
        """A verb acts."""
        self.until_s = 0.0

    def until(self, plane: Any, least_s: float) -> float:
        """As `DataPlane.stands_until`."""
        if plane.now < self.until_s:
            return self.until_s
        until_s: float = plane.call(plane.box, STILL, 0, 0, least_s)[1]
        if until_s > plane.now:
            self.since_s, self.until_s = plane.now, until_s
        return until_s


@inner
def stands_until(w: Any, least_s: float) -> float:
    """Before this time nothing happens but checks that pass; now where something runs, or where it
    is no later than the next arrival lets it be."""
    now = w.now
    if w.arrival >= w.arrivals or w.arrival_at[w.arrival] <= least_s or w.agenda_tail > 0:
        return now
    for c in range(w.containers):
        if w.due[c] < INFINITY:
            return now
    for d in range(w.databases):
        if w.store[d].full_since < INFINITY:
            return now
    until = w.arrival_at[w.arrival]
    first_check = ROUND << ID_BITS if checks_pass(w) else NEVER
    for i in range(w.heap_n):
        if w.heap[i].key < first_check:
            until = min(until, w.heap[i].t)
    for ring in range(w.rings):  # `advance` has gone past those that act no more
        if w.ring_head[ring] < w.ring_tail[ring]:
            until = min(until, w.ring[ring, w.ring_head[ring] & w.ring_mask].t)
        if w.line_first[ring] >= 0:
            until = min(until, w.line[w.line_first[ring]].until)
    return until


@inner
def checks_pass(w: Any) -> bool:
    """While nothing else happens, does each standing check find a process that answers it in time,
    and does nobody notice? Each of a server's may fall together with all others of it."""
    for v in range(w.servers):  # what they ask of it together, and how fast it works
        w.share_n[v], w.share_cap[v], w.share_rate[v] = 0, 0.0, min(1.0, w.machine[v].cores)
    for k in range(STANDING * w.containers):
        if w.round[k].stands == 0:
            continue
        c = w.container[k // STANDING]
        rules, v = w.version[c.profile], c.server
        if w.round[k].deep != 0 or c.life != LISTENING or c.hung != 0 or c.frozen != 0:
            return False
        if w.machine[v].alive == 0:
            return False
        if rules.kind == HTTP and rules.probe_beside == 0:  # its way through the queue
            if c.held + c.queued + c.dialled > 0 or rules.slots + rules.backlog < STANDING:
                return False
            each = rules.memory_per_request
            if rules.memory_limit > 0 and c.memory + STANDING * each > rules.memory_limit:
                return False
            w.share_n[v] += each
        w.share_cap[v] += rules.probe_cpu_s
        w.share_rate[v] = min(w.share_rate[v], c.cap)
    for k in range(STANDING * w.containers):
        if w.round[k].stands != 0:
            v = w.container[k // STANDING].server
            if w.machine[v].memory + w.share_n[v] > w.machine[v].capacity:
                return False
            # some process of a server is at work, at the least of their caps, until all answered
            answered_s = w.share_cap[v] / w.share_rate[v]
            if answered_s >= min(LATE * w.round[k].timeout, w.round[k].period):
                return False
    return True


def checks_use(w: Any, c: int, within_s: float) -> float:
    """Of each: those that end within it, the last that began, and one that was open."""
    rows = w["round"][STANDING * c : STANDING * (c + 1)]
    periods = rows["period"][rows["stands"] != 0]
    rules = w["version"][w["container"]["profile"][c]]
    return float((within_s / periods + 2.0).sum()) * float(rules["probe_cpu_s"])


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
