"""Postgres: server slots, pools, a pooler, and what happens to connections when somebody dies.

An ordinary connection takes one of max_connections - reserved slots, or is refused at once
(SQLSTATE 53300). Queries share the database's cores. Connections of a dead process are freed at
once; of a vanished host only after TCP keepalive. A dead database host leaves its clients hanging
on half-open connections until it is back and resets them (shared facts, dataplane section 1).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import simpy

from sim.dataplane import draws
from sim.dataplane.arithmetic import INFINITY, query_cost
from sim.dataplane.codes import LOGIN_TRIPS, SILENT, Due, Outcome, Stream
from sim.dataplane.profile import PoolRules, Profile
from sim.dataplane.reference.network import again_after
from sim.dataplane.reference.sessions import fall_silent, gave_up, pools_of, told
from sim.dataplane.reference.timing import DueTimer
from sim.dataplane.reference.work import Work, reach
from sim.dataplane.tables import DatabaseGauge

if TYPE_CHECKING:
    from sim.dataplane.reference.containers import Instance
    from sim.dataplane.reference.plane import ReferencePlane

Use = Generator[simpy.Event, Any, int]


class Pool:
    """The connections of one process to one database."""

    def __init__(self, rules: PoolRules, database: Postgres) -> None:
        self.rules, self.database = rules, database
        self.size = rules.size  # 0: no pool, one connection per use
        self.open = 0
        self.idle = 0
        self.opening = 0  # waits on a silent database
        # to a process of before, which is silent: idle, and with a query in vain
        self.stranded = self.silent = 0
        self.waiting: deque[Work] = deque()


class Postgres:
    """A database as its clients see it; `db` is the container that plays it."""

    def __init__(self, plane: ReferencePlane) -> None:
        self.plane, self.env = plane, plane.env
        self.refusals = 0
        self.db: Instance | None = None
        self.inside: dict[int, Work] = {}  # queries that run, in order
        self.session = 0  # grows with each reset: connections of another life are gone
        self.used = 0
        self.peak = self.granted = self.closed = 0
        self.exhausted_s, self.full_since = 0.0, INFINITY
        self.ghosts: dict[int, int] = {}  # ghost number -> connections
        self.waits = 0  # works that wait for a connection
        self.dials: dict[int, Work] = {}  # ... that a silent database has not answered, in order
        self.locked: dict[int, Work] = {}  # queries that wait for a lock, in order
        self.unheard: dict[int, Work] = {}  # ... over stranded connections, in order
        self.gone: Instance | None = None  # to which these lead
        # PgBouncer, when the database's profile has one
        self.clients = 0  # connections of pools to it
        self.servers = self.servers_idle = 0
        self.queue: deque[Work] = deque()
        # ... that its one process has yet to handle, and queries on the network, in order
        self.turns: dict[int, Work] = {}
        self.pooler_free = 0.0  # when it will have handled them

    # ---- slots ----
    @property
    def limit(self) -> int:
        return self.db.profile.connection_slots if self.db is not None else 0

    @property
    def answers(self) -> bool:
        """Whether a process that listens plays it: of a dead one nobody holds a slot."""
        return self.db is not None and self.db.server.alive and self.db.listening

    @property
    def pooled(self) -> bool:
        return self.db is not None and self.db.profile.pooler_size > 0

    def count(self, by: int) -> None:
        """Server slots taken (+) or freed (-)."""
        self.used += by
        if by > 0:
            self.granted += by
            self.peak = max(self.peak, self.used)
        else:
            self.closed -= by
        self.at_limit()

    def at_limit(self) -> None:
        full = self.limit > 0 and self.used >= self.limit
        if full and self.full_since == INFINITY:
            self.full_since = self.env.now
        elif not full and self.full_since < INFINITY:
            self.exhausted_s += self.env.now - self.full_since
            self.full_since = INFINITY

    def open_one(self, client: Instance, pool: Pool) -> int:
        """Open a connection for a client's pool: 0, a failing outcome, or SILENT.

        The password is looked at here and never again (PostgreSQL and PgBouncer alike); before
        the slots of ordinary users, which PostgreSQL counts after authentication."""
        code = reach(self.db, client)
        if code:
            return code
        assert self.db is not None
        if client.locked or self.db.profile.read_only:
            return Outcome.HTTP_500
        if self.pooled:
            if self.clients >= self.db.profile.pooler_clients:
                self.refuse()
                return Outcome.DB_REFUSED
            self.clients += 1
        else:
            if self.used >= self.limit:
                self.refuse()
                return Outcome.DB_REFUSED
            self.count(1)
        pool.open += 1
        return 0

    def refuse(self) -> None:
        self.refusals += 1
        self.plane.recorder.connection_refused(self.env.now)

    def close(self, pool: Pool, n: int) -> None:
        pool.open -= n
        if self.pooled:
            self.clients -= n
        elif n:
            self.count(-n)

    # ---- the story of a query ----
    def use(self, work: Work, demand: float, pool: Pool) -> Use:
        """Check out a connection, run `demand` core seconds of query, give it back."""
        work.pool, work.session = pool, -1
        code: int = yield from self.checkout(work)
        if code == Outcome.SUCCEEDED and self.pooled:
            work.session = self.session
            code = yield from self.pooler_turn(work)
            if code == Outcome.SUCCEEDED:
                code = yield from self.server_connection(work)
            if code != Outcome.SUCCEEDED and work.session == self.session:
                self.give_back(work)
        if code != Outcome.SUCCEEDED:
            yield from thaw(work)
            return code
        code = yield from self.travel(work)
        if code != Outcome.SUCCEEDED:
            yield from thaw(work)
            return code
        code = yield from self.sent(work, back=False)
        if code != Outcome.SUCCEEDED:
            yield from thaw(work)
            return code
        if self.locks(work):
            code = yield self.blocked(work)  # -> unlocked
            if code:
                yield from thaw(work)
                return code
        db = self.db
        assert db is not None
        if work.fresh:
            demand += db.profile.connect_cpu_s
        cost = query_cost(demand, db.profile.cost_growth, db.station.n + 1)
        self.inside[work.id] = work
        work.session = self.session
        failed = yield db.station.join(work, cost)  # -> query_done
        if not failed:
            del self.inside[work.id]
            code = yield from self.sent(work, back=True)
            failed = 0 if code == Outcome.SUCCEEDED else code
        yield from thaw(work)
        if failed:
            return int(failed)  # reset: the connection is gone
        if work.session == self.session:  # else it broke while the process hung
            self.server_free(work)
            self.give_back(work)
        return Outcome.SUCCEEDED

    def travel(self, work: Work) -> Use:
        """The query's way there and back, connection in hand; a new one has to log in before."""
        assert self.db is not None
        assert work.container is not None
        trip = self.plane.links.round_trip(work.container.server, self.db.server, work.visit)
        if trip == 0.0:
            return Outcome.SUCCEEDED
        work.session = self.session
        self.turns[work.id] = work
        trips = 1.0 + LOGIN_TRIPS if work.fresh and not work.pooled else 1.0
        code = yield self.wait(work, trips * trip)  # -> travelled
        return code or Outcome.SUCCEEDED

    def sent(self, work: Work, back: bool) -> Use:
        """The query, or its answer, connection in hand: lost packets are sent again."""
        assert self.db is not None
        assert work.container is not None
        links, ends = self.plane.links, (work.container.server, self.db.server)
        while links.lossy and links.loses(work, links.loss(*(ends[::-1] if back else ends))):
            work.session = self.session
            self.turns[work.id] = work
            code = yield self.wait(work, again_after(work))  # -> sent
            if code:
                return int(code)
        return Outcome.SUCCEEDED

    def locks(self, work: Work) -> bool:
        """Does this query want what is locked?"""
        share = self.db.profile.locked_share if self.db is not None else 0.0
        return share > 0.0 and draws.u(self.plane.seed, Stream.LOCK, work.visit) < share

    def blocked(self, work: Work) -> simpy.Event:
        """Wait with a connection in hand, for as long as it takes."""
        self.waits += 1
        work.waits = True
        work.session, work.timer_at = self.session, INFINITY
        work.wake = self.env.event()
        self.locked[work.id] = work
        return work.wake

    def unlock(self) -> None:
        """Less is locked than before: the others go on, in order."""
        for work in [work for work in self.locked.values() if not self.locks(work)]:
            del self.locked[work.id]
            self.granted_to(work)

    def checkout(self, work: Work) -> Use:
        assert work.container is not None
        assert work.pool is not None
        pool = work.pool
        work.fresh = work.opening = False  # a job or a replayed attempt may come here again
        if pool.idle:
            pool.idle -= 1
            return Outcome.SUCCEEDED
        if pool.stranded:
            pool.stranded -= 1
            work.wake = fall_silent(self, work)
            return int((yield work.wake))  # -> unheard
        if pool.size == 0 or pool.open + pool.opening + pool.silent < pool.size:
            work.fresh = True
            code = self.open_one(work.container, pool)
            if code == 0:
                return Outcome.SUCCEEDED
            if code != SILENT:
                return code
            pool.opening += 1
            work.opening = True
            self.dials[work.id] = work
        else:
            pool.waiting.append(work)
        code = yield self.wait(work, pool.rules.checkout_timeout_s)  # -> checked_out
        return code or Outcome.SUCCEEDED

    def pooler_turn(self, work: Work) -> Use:
        """PgBouncer is one process on one core, first come first served: a login, a query."""
        assert self.db is not None
        rules = self.db.profile
        cost = rules.pooler_transaction_s + (rules.pooler_login_s if work.fresh else 0.0)
        if cost == 0.0:
            return Outcome.SUCCEEDED
        self.turns[work.id] = work
        code = yield self.wait(work, self.handled_after(cost))  # -> handled
        return code or Outcome.SUCCEEDED

    def handled_after(self, cost: float) -> float:
        """Seconds until the pooler's process has done this as well."""
        self.pooler_free = max(self.pooler_free, self.env.now) + cost
        return self.pooler_free - self.env.now

    def start_up_connection_s(self) -> float:
        """How long one that is opened before listening takes."""
        if self.db is None:
            return 0.0
        rules = self.db.profile
        if rules.pooler_size > 0 and rules.pooler_login_s > 0.0:
            return max(rules.connect_s, self.handled_after(rules.pooler_login_s))
        return rules.connect_s

    def server_connection(self, work: Work) -> Use:
        """Transaction pooling: one of the pooler's own connections for the time of the query."""
        assert self.db is not None
        work.fresh = work.pooled = False
        if self.servers_idle:
            self.servers_idle -= 1
            work.pooled = True
            return Outcome.SUCCEEDED
        if self.servers < self.db.profile.pooler_size and self.used < self.limit:
            self.servers += 1
            self.count(1)
            work.fresh = work.pooled = True
            return Outcome.SUCCEEDED
        self.queue.append(work)
        code = yield self.wait(work, self.db.profile.pooler_wait_s)  # -> served by the pooler
        work.pooled = code == 0
        return code or Outcome.SUCCEEDED

    def wait(self, work: Work, timeout_s: float) -> simpy.Event:
        """Wait to be resumed, at most `timeout_s` (then POOL_TIMEOUT)."""
        self.waits += 1
        work.waits = True
        work.wake = self.env.event()
        work.timer_at = self.env.now + timeout_s
        DueTimer(self.env, timeout_s, Due.CHECKOUT, work.id, lambda _: self.timed_out(work))
        return work.wake

    def granted_to(self, work: Work, code: int = 0) -> None:
        self.waits -= 1
        work.waits = False
        work.timer_at = INFINITY
        if work.opening:
            assert work.pool is not None
            work.opening = False
            work.pool.opening -= 1
        work.resume(code)

    def timed_out(self, work: Work) -> None:
        if work.timer_at != self.env.now or not work.waits:
            return  # served since, or dead; or it is the push that is due at this instant
        if self.turns.pop(work.id, None) is not None:
            self.granted_to(work)  # no time-out: its turn
            return
        if work.id in self.unheard:
            gave_up(self, work)
            return
        self.forget(work)
        self.granted_to(work, Outcome.POOL_TIMEOUT)

    def forget(self, work: Work) -> None:
        assert work.pool is not None
        if self.dials.pop(work.id, None) is not None:
            return
        for queue in (work.pool.waiting, self.queue):
            if work in queue:
                queue.remove(work)
                return

    def server_free(self, work: Work) -> None:
        """The pooler's server connection serves the next, in order of arrival."""
        if not work.pooled:
            return
        work.pooled = False
        if self.queue:
            self.granted_to(self.queue.popleft())
        else:
            self.servers_idle += 1

    def give_back(self, work: Work) -> None:
        assert work.pool is not None
        pool = work.pool
        if pool.size == 0:
            self.close(pool, 1)
        elif pool.waiting:
            self.granted_to(pool.waiting.popleft())
        else:
            pool.idle += 1

    def goes_on(self) -> None:
        """The hung process, or the network, goes on: connections that were being opened are there,
        or refused."""
        for work in list(self.dials.values()):
            assert work.container is not None
            assert work.pool is not None
            if reach(self.db, work.container) != SILENT:
                del self.dials[work.id]
                self.granted_to(work, self.open_one(work.container, work.pool))

    # ---- deaths ----
    def reset(self) -> None:
        """The database process is gone: every connection breaks, every query and waiter fails."""
        self.session += 1
        self.ghosts.clear()
        self.servers = self.servers_idle = 0
        broken, self.inside = list(self.inside.values()), {}
        if self.db is not None:
            self.db.station.drop(lambda _: True)
        for pool in pools_of(self):
            broken += [w for w in pool.waiting if w not in self.queue]
            pool.waiting.clear()
            pool.open = pool.idle = 0
        broken += self.locked.values()
        self.locked.clear()
        broken += self.dials.values()
        self.dials.clear()
        broken += self.queue
        self.queue.clear()
        broken += self.turns.values()
        self.turns.clear()
        self.pooler_free = 0.0
        self.clients = 0
        self.count(-self.used)
        for work in broken:
            if work.waits:
                self.granted_to(work, Outcome.HTTP_500)
            else:
                work.resume(Outcome.HTTP_500)

    def drop(self, dead: set[int]) -> None:
        """The queries of works that died."""
        served = [ident for ident in self.inside if ident in dead]
        for ident in served:
            del self.inside[ident]
        if self.db is not None and served:
            self.db.station.drop(lambda w: w.id in dead)

    def waits_no_more(self, work: Work) -> None:
        self.waits -= 1
        work.waits = False
        self.dials.pop(work.id, None)
        self.turns.pop(work.id, None)
        self.locked.pop(work.id, None)
        self.unheard.pop(work.id, None)
        if work in self.queue:
            self.queue.remove(work)

    def abandon(self, pool: Pool, silently: bool) -> None:
        """The process that had these connections is gone."""
        if silently and pool.open and not self.pooled and self.db is not None:
            number = self.plane.ghosts = self.plane.ghosts + 1
            self.ghosts[number] = pool.open
            DueTimer(self.env, self.db.profile.keepalive_s, Due.GHOST, number, self.ghost_closed)
            pool.open = 0
        else:
            self.close(pool, pool.open)

    def ghost_closed(self, number: int) -> None:
        n = self.ghosts.pop(number, 0)
        if n:
            self.count(-n)

    # ---- observation ----
    def gauge(self) -> DatabaseGauge:
        now = self.env.now
        full = now - self.full_since if self.full_since < now else 0.0
        return DatabaseGauge(
            connections=self.used if self.answers else 0,  # of a dead server nobody holds a slot
            connection_limit=self.limit,
            connection_waits=self.waits,
            connections_peak=self.peak,
            connections_refused=self.refusals,
            exhausted_s=self.exhausted_s + full,
        )


def play(db: Instance, left: Postgres, taken: Postgres) -> None:
    """A process begins, or goes on, as another database: connections to both are reset."""
    told(db)
    if left is not taken and left.db is db:
        left.reset()
        left.db = None
    if taken.db is not db:
        taken.reset()
        taken.db = db


def closes(before: Profile, after: Profile) -> bool:
    """Does a change of its profile end a database's connections? A primary that takes no more
    writes ends them, and they lead to a pooler or to the database itself."""
    unwritten = after.read_only and not before.read_only
    return unwritten or (after.pooler_size > 0) != (before.pooler_size > 0)


def thaw(work: Work) -> Generator[simpy.Event, Any, None]:
    """A hung process does not notice the answer until it goes on."""
    assert work.container is not None
    if work.container.hung:
        yield work.container.station.join(work, 0.0)  # -> thawed


def client_died(container: Instance, inside: list[Work], silently: bool) -> None:
    """A client process ended (its connections close at once) or its host vanished (they stay open
    on the server until keepalive)."""
    dead = {w.id for w in inside}
    for pool in container.pools:
        pool.database.drop(dead)
    for work in inside:
        if work.waits and work.pool is not None:
            work.pool.database.waits_no_more(work)
        work.timer_at = INFINITY
        work.wake = None
    for work in inside:
        if work.pool is not None and work.session == work.pool.database.session:
            work.pool.database.server_free(work)
    for pool in container.pools:
        pool.database.abandon(pool, silently)
    container.pools = container.new_pools()
