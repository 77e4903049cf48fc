"""Connections that lead to a database's process of before, of which nobody has told their clients.

A query over one meets silence until TCP gives it up; then its place in the pool is free. All are
when the other end says that it knows nothing of them (a reset).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import simpy

from sim.dataplane.codes import SILENT, Due, Outcome
from sim.dataplane.reference.timing import DueTimer
from sim.dataplane.reference.work import Work, reach

if TYPE_CHECKING:
    from sim.dataplane.reference.containers import Instance
    from sim.dataplane.reference.postgres import Pool, Postgres


def pools_of(database: Postgres) -> list[Pool]:
    return [p for c in database.plane.containers for p in c.pools if p.database is database]


def strand(database: Postgres) -> None:
    """All that are open, of whoever hears nothing of its process; who waits for one, or dials,
    fails."""
    if database.db is None or database.pooled:
        return
    if database.gone is not database.db:
        release(database)
        database.gone = database.db
    for c in database.plane.containers:
        if reach(database.db, c) == SILENT:
            for pool in (pool for pool in c.pools if pool.database is database):
                pool.stranded += pool.idle
    for asked in (database.inside, database.locked, database.turns):
        for work in list(asked.values()):
            if reach(database.db, work.container) == SILENT:
                del asked[work.id]
                fall_silent(database, work)
    database.reset()


def fall_silent(database: Postgres, work: Work) -> simpy.Event:
    """Its query has no answer; what it waits for, or could."""
    assert work.pool is not None
    silence_s = work.pool.rules.silence_s
    work.pool.silent += 1
    database.unheard[work.id] = work
    if not work.waits:
        database.waits += 1
    work.waits, work.timer_at = True, database.env.now + silence_s
    DueTimer(database.env, silence_s, Due.CHECKOUT, work.id, lambda _: database.timed_out(work))
    return database.env.event()


def gave_up(database: Postgres, work: Work) -> None:
    """TCP did, and another may have its place."""
    assert work.pool is not None
    del database.unheard[work.id]
    work.pool.silent -= 1
    database.granted_to(work, Outcome.HTTP_500)
    next_in_line(database, work.pool)


def next_in_line(database: Postgres, pool: Pool) -> None:
    """Whoever waits longest opens a connection of its own."""
    if not pool.waiting:
        return
    work = pool.waiting.popleft()
    assert work.container is not None
    work.fresh = True
    code = database.open_one(work.container, pool)
    if code == SILENT:
        pool.opening += 1
        work.opening = True
        database.dials[work.id] = work
    else:
        database.granted_to(work, code)


def release(database: Postgres) -> None:
    """Their other end resets all of them."""
    database.gone = None
    unheard, database.unheard = list(database.unheard.values()), {}
    for work in unheard:
        database.granted_to(work, Outcome.HTTP_500)
    for pool in pools_of(database):
        places, pool.stranded, pool.silent = pool.stranded + pool.silent, 0, 0
        for _ in range(places):
            next_in_line(database, pool)


def told(db: Instance) -> None:
    """This process, to which some may lead, ends or goes on anew, or its server has booted."""
    for database in db.plane.databases:
        if database.gone is db:
            release(database)
