"""How somebody asks: a row of the record's table `policy` for each way in and each calling step.

`w` is the record; all of this is done once, in Python.
"""

from __future__ import annotations

from itertools import accumulate
from math import inf
from typing import Any

from sim.dataplane import draws
from sim.dataplane.kernel.layout import RINGS, values
from sim.dataplane.profile import Client, Way, Workload


def write_policy(
    w: Any, k: int, client: Client, service: int, slot: int, mark: int, endpoint: int
) -> None:
    """Row k; its time-out has the ring of those that are alike."""
    row, rows = w["policy"][k], w["policy"][:k]
    for column, value in values(client):
        row[column] = value
    row["most_tokens"], row["service"], row["slot"] = client.most_tokens, service, slot
    row["endpoint"] = endpoint
    row["ages"] = min(client.connection_age_s, client.connection_idle_s) < inf
    row["salt"] = (mark + 1) * draws.GOLDEN & draws.MASK
    alike = rows["ring"][rows["timeout_s"] == client.timeout_s]
    if len(alike):
        row["ring"] = alike[0]
    elif w["rings"] < RINGS:
        row["ring"] = w["rings"]
        w["rings"] += 1


def write_users(w: Any, workload: Workload) -> int:
    """A row for each way in, the first rows of all: how many. Each service that users ask has
    connections, retry tokens and a breaker of its own."""
    ways, doors, kept = workload.mix or (Way(1.0),), workload.doors, workload.client.connections
    w["ways"], w["horizon"] = len(ways), workload.horizon_s
    for column, value in values(workload.think, "think_"):
        w[column] = value
    w["stay"][: len(workload.users)] = [(stay.begin_s, stay.end_s) for stay in workload.users]
    w["mix"][: len(ways)] = tuple(accumulate(way.share for way in ways))
    for k, way in enumerate(ways):
        slot = doors.index(way.service)
        write_policy(w, k, workload.client, way.service, slot, 0, way.endpoint)
        w["purse"]["first_kept"][slot] = slot * kept
    w["kept_top"] = len(doors) * kept
    w["kept"]["target"][: w["kept_top"]] = -1
    return len(ways)
