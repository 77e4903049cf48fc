"""Start-up connections: a process opens them one by one before it listens, all or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.dataplane.codes import SILENT, SILENT_RETRY_S, Due, Note
from sim.dataplane.reference.timing import DueTimer

if TYPE_CHECKING:
    from sim.dataplane.reference.containers import Instance
    from sim.dataplane.reference.plane import ReferencePlane
    from sim.dataplane.reference.postgres import Pool


def unopened(c: Instance) -> Pool | None:
    """The first pool that lacks some."""
    return next((pool for pool in c.pools if pool.open < pool.rules.at_start), None)


def open_next(plane: ReferencePlane, c: Instance) -> None:
    """The next in its own time; if there is none it listens."""
    pool = unopened(c)
    if pool is None:
        for pool in c.pools:
            pool.idle = pool.open
        plane.listen(c)
    else:
        open_later(plane, c, pool.database.start_up_connection_s())


def open_later(plane: ReferencePlane, c: Instance, delay: float) -> None:
    c.open_at = plane.now + delay
    DueTimer(plane.env, delay, Due.OPEN, c.id, lambda _: opened(plane, c))


def opened(plane: ReferencePlane, c: Instance) -> None:
    if c.open_at != plane.now:
        return
    pool = unopened(c)
    assert pool is not None
    code = pool.database.open_one(c, pool)
    if code == SILENT:
        open_later(plane, c, SILENT_RETRY_S)
    elif code:
        for pool in c.pools:
            pool.database.close(pool, pool.open)
        plane.note(Note.START_REFUSED, c.id)
    else:
        open_next(plane, c)
