"""How a post-mortem says causes of failure, shares and numbers to somebody who was not there."""

from __future__ import annotations

from collections.abc import Mapping

from sim.report.text import words

REQUESTS = {  # sim.dataplane.codes.Outcome
    "refused": "refused (nobody listened, or no longer on that connection)",
    "no_backend": "with no replica to go to",
    "connect_timeout": "never connected",
    "client_timeout": "given up by their clients",
    "http_500": "answered with an error (500)",
    "db_refused": "found no free database slot",
    "pool_timeout": "waited too long for a database connection",
    "dropped_on_kill": "cut off when a process died",
    "oom": "cut off when the kernel killed a process for memory",
    "shed": "turned away on purpose",
}
JOBS = {  # sim.dataplane.codes.JobLoss
    "redis_wiped": "wiped with the queue's memory",
    "redis_down": "never queued, the queue was down",
    "worker_killed": "inside a worker that died",
    "queue_full": "refused by a full queue",
    "evicted": "thrown out of a full queue",
    "attempts_exhausted": "given up after their last try",
    "not_replicated": "unknown to the replica that took the queue's place",
    "stalled": "given up after their workers had died too often",
}


def ended(counts: Mapping[str, float], phrases: Mapping[str, str]) -> str:
    """`1,018 never connected, 1 cut off when a process died`: the most first; one
    alone without its number."""
    order = sorted(((n, name) for name, n in counts.items() if n), key=lambda x: (-x[0], x[1]))
    if len(order) == 1:  # the number has been told
        return phrases[order[0][1]]
    return ", ".join(f"{words.count(n)} {phrases[name]}" for n, name in order)


def were(number: float) -> str:
    """`was` after one, `were` after any other number."""
    return "was" if number == 1 else "were"


def percent(share: float) -> str:
    """`13.9 %`; never `0.0 %` of something."""
    return f"{100 * share:.1f} %" if share >= 0.001 else "under 0.1 %"
