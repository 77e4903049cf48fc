"""Updates in batches, as Swarm and Nomad do them: so many tasks go, so many come, then the next.

Sources: shared facts, orchestrators sections 3 and 4 (moby/swarmkit @3e72cb64 read).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from sim.control.scheduling.replicas import ReplicaSet

Order = Literal["stop-first", "start-first"]


def batch(total: int, parallelism: int) -> int:
    """Tasks replaced at a time; 0 means all. Source: swarmkit updater.go Run."""
    return total if parallelism == 0 else min(parallelism, total)


def update_step(
    replicas: int, before: int, parallelism: int, order: Order, new: ReplicaSet,
    old: Sequence[ReplicaSet],
) -> tuple[int, list[int]]:  # fmt: skip
    """The sizes after one step of an update: (new, old ones). A changed number (`before`) goes to
    the newest version that has tasks.

    stop-first: a batch of old tasks goes, then as many new ones come, and only when those run goes
    the next batch. start-first: the other way round. Source: swarmkit updater.go updateTask,
    useExistingTask; the gate is that the new task is RUNNING (healthy, with a HEALTHCHECK)."""
    sizes = [s.spec for s in old]
    outdated, total = sum(sizes), new.spec + sum(sizes)
    if replicas != before and not outdated:
        return replicas, sizes
    if new.available < new.spec:
        return new.spec, sizes  # the update waits for its tasks
    step = batch(outdated, parallelism)
    room = replicas - total if order == "stop-first" or not outdated else replicas + step - total
    if room > 0:
        return new.spec + room, sizes
    goes = step if order == "stop-first" or total > replicas else 0
    for i, size in enumerate(sizes):
        gone = min(goes, size)
        sizes[i] -= gone
        goes -= gone
    return min(new.spec, replicas), sizes
