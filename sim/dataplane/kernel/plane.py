"""The compiled engine behind the seam: plane.py of the reference, verb by verb.

Python keeps nothing but the record, the counters and the clock; what runs is in loop.py and
verbs.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from sim.dataplane import draws
from sim.dataplane.arithmetic import INFINITY, left_over, segment_at
from sim.dataplane.codes import (
    LATENCY_BINS,
    MOST_CALLS,
    MOST_KEPT,
    Does,
    Kind,
    Note,
    Stream,
)
from sim.dataplane.kernel import readings, stillness, timing, verbs
from sim.dataplane.kernel.books import books_of
from sim.dataplane.kernel.counters import more_arrivals
from sim.dataplane.kernel.entries import machine_code
from sim.dataplane.kernel.gauges import fetch
from sim.dataplane.kernel.layout import (
    ARRIVAL_STATE,
    CHUNK,
    CONTAINER_FIGURES,
    CONTAINERS,
    OUT_REFUSED,
    PLANE_FIGURES,
    POLICIES,
    PROFILES,
    ROOM,
    STEPS,
    WORKS,
    begin_container,
    can_be,
    empty_record,
    grown,
    holds_all,
    ring_size,
    values,
)
from sim.dataplane.kernel.policies import write_policy, write_users
from sim.dataplane.kernel.story_rows import sheet_of, write_sheet
from sim.dataplane.plane import Notice, RoundsSoFar, StandingCheck
from sim.dataplane.profile import Arrivals, Client, Law, Profile, Routing, StoryStep, Workload
from sim.dataplane.story import salt
from sim.dataplane.tables import (
    JOB_COLUMNS,
    REQUEST_COLUMNS,
    Books,
    CacheGauge,
    CallGauge,
    ContainerGauge,
    DatabaseGauge,
    PlaneGauge,
    QueueGauge,
    Recording,
    Samples,
    ServiceGauge,
)

NOTE_OF = list(Note)
SLICE = 400_000  # events between two looks at Ctrl-C


class KernelError(AssertionError):
    """An invariant broke inside the kernel: a bug of ours, told with seed and time."""


def warm() -> None:
    """Compile (or load) all that Python calls, on a world with nothing in it."""
    plane = CompiledPlane(Workload(0, 1.0, Arrivals()))
    plane.server_up(plane.add_server(1.0, 1))
    plane.advance(0.0)
    plane.recording()


class CompiledPlane:
    """See dataplane/plane.py for what each verb means. `trace`: keep every outcome (tests)."""

    def __init__(
        self,
        workload: Workload,
        trace: bool = False,
        works: int = WORKS,
        containers: int = CONTAINERS,
    ) -> None:
        self.seed, self.now = workload.seed, 0.0
        self.box = empty_record(works, containers)
        self.works, self.places = works, containers
        self.bucket_s = workload.bucket_s
        buckets = max(1, math.ceil(workload.horizon_s / workload.bucket_s))
        ways = len(workload.mix)
        self.counted = (  # as in a Recording
            np.zeros((buckets, REQUEST_COLUMNS), np.int64),
            np.zeros((buckets, JOB_COLUMNS), np.int64),
            np.zeros(buckets, np.int64),
            np.zeros(LATENCY_BINS, np.int64),
            np.zeros(buckets, np.float64),
            np.zeros(1, np.float64),
            np.zeros((ways, REQUEST_COLUMNS), np.int64),
            np.zeros((ways, LATENCY_BINS), np.int64),
        )
        self.sampler = Samples(workload.horizon_s, workload.bucket_s, workload.services)
        self.profiles = self.stories = self.made = 0  # versions, stories, containers
        self.stirred, self.stillness = True, stillness.Stillness()
        self.figures = np.zeros(1, PLANE_FIGURES)
        self.figures_of_one = np.zeros(1, CONTAINER_FIGURES)
        self.trace: list[tuple[int, int, float]] | None = [] if trace else None
        self.horizon = workload.horizon_s
        self.stream = np.zeros(1, ARRIVAL_STATE)
        self.stream["left"] = -1.0
        self._follow(workload.arrivals)
        self._bind()
        while self.box[0]["kept_own"] < len(workload.doors) * workload.client.connections:
            self._grow(self.works, 2 * self.places)
        self._settings(workload)
        if workload.users:
            self._act(verbs.CROWD, len(workload.users))

    def _bind(self) -> None:
        table = self.box[0]["notice"]
        self.notice_kind, self.notice_id = table["kind"], table["id"]
        self.notes, self.memory = self.box["notes"], self.box[0]["machine"]["memory"]
        self.call, self.fold, self.look, self.look_at, self.walk = machine_code(
            self.works, self.places
        )

    def _settings(self, workload: Workload) -> None:
        w = self.box[0]
        w["lattice"], w["ring_mask"] = workload.lattice_s, ring_size(workload) - 1
        w["rings"] = timing.PATIENCE_RING
        w["sample_s"], w["sampled_services"] = workload.bucket_s, self.sampler.services.shape[1]
        self.policies = write_users(w, workload)
        self._route(Routing(), 0)
        w["balancer"][1:] = w["balancer"][0]
        self._route(workload.routing, 0)
        w["key"] = draws.keys(self.seed, len(w["key"]))

    def _route(self, routing: Routing, service: int) -> None:
        row = self.box[0]["balancer"][service]
        for column, value in values(routing.in_effect):
            row[column] = value

    # ---- time ----
    def advance(self, until: float) -> tuple[float, list[Notice]]:
        while True:
            why, self.now, notices = self.call(self.box, verbs.ADVANCE, 0, SLICE, until)
            if why in (timing.REACHED, timing.NOTICED):
                break
            if why == timing.NEED_ARRIVALS:
                self.stream_before = self.stream.copy()
                self._arrive(CHUNK)
            elif why != timing.BUDGET:
                self._go_on(why)
        self.stirred = False
        return self.now, self._notices(notices) if notices else []

    def _notices(self, n: int) -> list[Notice]:
        self.notes[0] = 0
        if n == 1:
            return [Notice(self.now, NOTE_OF[self.notice_kind[0]], int(self.notice_id[0]))]
        kinds, ids = self.notice_kind[:n].tolist(), self.notice_id[:n].tolist()
        return [Notice(self.now, Note(k), i) for k, i in zip(kinds, ids, strict=True)]

    def _act(self, verb: int, at: int, b: int = 0, x: float = 0.0) -> None:
        while verb in verbs.CALLS_UP and not holds_all(self.box[0]):
            self._grow(self._more(), self.places)
        why = self.call(self.box, verb, at, b, x)[0]
        if why != timing.REACHED:
            self._go_on(why)
        self.stirred = True
        self.stillness.over()

    def _go_on(self, why: int) -> None:
        """Make room, and finish the instant if it stopped half way."""
        while why != timing.REACHED:
            if why == timing.OUT_FULL:
                self._fold()
            elif why == timing.NEED_PLACES:
                self._grow(self._more(), self.places)
            else:
                raise self._too_many("one instant made more")
            why = self.call(self.box, verbs.GO_ON, 0, 0, 0.0)[0]

    def _too_many(self, what: str) -> KernelError:
        limit = f"{what} than the kernel has places for; --engine reference has no such limit"
        return KernelError(f"seed {self.seed}, t = {self.now!r}: {limit}")

    def _more(self) -> int:
        """Twice the works, or half as many again where a record does not hold twice as many."""
        twice = 2 * self.works
        return twice if can_be(twice, self.places) else twice - self.works // 2

    def _grow(self, works: int, containers: int) -> None:
        self._fold()
        if not can_be(works, containers):
            raise self._too_many("more waits at once")
        self.box = grown(self.box, works, containers)
        self.works, self.places = works, containers
        self._bind()

    # ---- machines and containers ----
    def add_server(self, cores: float, memory: int) -> int:
        w = self.box[0]
        v = int(w["servers"])
        if v >= self.places:
            self._grow(self.works, 2 * self.places)
            w = self.box[0]
        w["servers"], machine = v + 1, w["machine"]
        machine["cores"][v], machine["capacity"][v], machine["alive"][v] = cores, memory, 1
        machine["up_since"][v], machine["first"][v] = self.now, -1
        return v

    def server_down(self, server: int) -> None:
        while self.box[0]["machine"]["alive"][server]:
            self._act(verbs.SERVER_DOWN, server)

    def server_up(self, server: int) -> None:
        self._act(verbs.SERVER_UP, server)

    def place(self, server: int, segment: int) -> None:
        self.box[0]["segment"][server] = segment
        self._act(verbs.REWIRED, -1)

    def link(self, asking: int, asked: int, round_trip: Law) -> None:
        self.box["link"][0, asking, asked] = tuple(value for _, value in values(round_trip))
        self.box["far"] |= int(round_trip.mean > 0.0)

    def lose(self, sending: int, receiving: int, share: float) -> None:
        self.box["loss"][0, sending, receiving] = share
        self.box["lossy"] = int(self.box["loss"].any())
        self._act(verbs.REWIRED, -1)

    def set_gates(self, servers: Sequence[int], local: bool = False) -> None:
        w = self.box[0]
        w["gate"][: len(servers)], w["gates"], w["local"] = servers, len(servers), local
        w["gated"] |= int(len(servers) > 0)

    def close_gate(self, server: int) -> None:
        self._act(verbs.GATE_CLOSED, server)

    def wipe(self, queue: int = 0) -> None:
        self._act(verbs.WIPE, queue)

    def promote(self, queue: int, since_s: float) -> None:
        self._act(verbs.PROMOTED, queue, 0, since_s)

    def part(self, queue: int, other: int, segments: Sequence[int]) -> None:
        row = self.box[0]["queue"][queue]
        row["other"], row["parted"] = other, sum(1 << segment for segment in {*segments})

    def strand(self, database: int) -> None:
        self._act(verbs.STRAND, database)

    def flush(self, cache: int) -> None:
        self._act(verbs.FLUSH, cache)

    def enqueue(self, queue: int, jobs: int) -> None:
        for begun in range(0, jobs, ROOM // 2):  # room is made between them
            self._act(verbs.ENQUEUE, queue, min(jobs - begun, ROOM // 2))

    def add_profile(self, profile: Profile) -> int:
        p, sheet = self.profiles, sheet_of(profile)
        if self.stories + len(sheet.told) > PROFILES:
            raise KernelError(f"more than {PROFILES} stories of services in one run")
        first = STEPS * self.stories
        self.profiles, self.stories = p + 1, self.stories + len(sheet.told)
        w, begun, known = self.box[0], self.policies, [rules.database for rules in sheet.own]
        tops = {Kind.DATABASE: "databases", Kind.QUEUE: "queues", Kind.CACHE: "caches"}
        if profile.kind in tops:
            w[tops[profile.kind]] = max(int(w[tops[profile.kind]]), profile.number + 1)
        w["databases"] = max([int(w["databases"]), *(database + 1 for database in known)])
        write_sheet(w, self.seed, p, first, sheet)
        for at, steps in enumerate(sheet.told):
            self._asks(first + STEPS * at, steps, begun, known)
        row = w["version"][p]
        row["first_policy"], row["policies"] = begun, self.policies - begun
        return p

    def _policy(self, client: Client, service: int, slot: int, mark: int, endpoint: int) -> None:
        """One more row: how somebody asks."""
        k = self.policies
        if k >= POLICIES:
            raise KernelError(f"more than {POLICIES} calling steps in one run")
        self.policies = k + 1
        write_policy(self.box[0], k, client, service, slot, mark, endpoint)

    def _asks(self, first: int, steps: tuple[StoryStep, ...], begun: int, known: list[int]) -> None:
        """Whom a story asks: pools by the databases they are of, policies from `begun` on."""
        table = self.box[0]["step"]
        for i, step in enumerate(steps, first):
            if step.does == Does.QUERY:
                table["pool"][i] = known.index(step.target)
            elif step.does == Does.CALL:
                table["policy"][i], slot = self.policies, self.policies - begun
                self._policy(step.client, step.target, slot, salt(step), step.endpoint)

    def add_container(self, profile: int, server: int) -> int:
        w = self.box[0]
        c = int(w["containers"])
        if c >= self.places:
            self._grow(self.works, 2 * self.places)
            w = self.box[0]
        w["containers"] = self.made = c + 1
        rules = w["version"][profile]
        kind, number = int(rules["kind"]), int(rules["number"])
        begin_container(w, c, profile, server, rules)
        if kind == Kind.DATABASE:
            if w["store"]["db"][number] < 0:
                w["store"]["db"][number] = c
        elif kind == Kind.QUEUE:
            if w["queue"]["redis"][number] < 0:
                w["queue"]["redis"][number] = c
        elif kind == Kind.WORKER:
            w["worker"][int(w["workers"])] = c
            w["workers"] += 1
        return c

    def start(self, container: int, profile: int) -> None:
        if int(self.box[0]["kept_top"]) + MOST_CALLS * MOST_KEPT > self.box[0]["kept_own"]:
            self._grow(self.works, 2 * self.places)
        self._act(verbs.START, container, profile)

    def drain(self, container: int) -> None:
        self._act(verbs.DRAIN, container)

    def exit(self, container: int, oom: bool = False) -> None:
        self._act(verbs.EXIT, container, int(oom))

    def hang(self, container: int) -> None:
        self._act(verbs.HANG, container)

    def resume(self, container: int) -> None:
        self._act(verbs.RESUME, container)

    def set_cpu_limit(self, container: int, cores: float) -> None:
        self._act(verbs.CPU_LIMIT, container, 0, float(cores))

    def set_profile(self, container: int, profile: int) -> None:
        self._act(verbs.PROFILED, container, profile)

    def lock_out(self, container: int, locked: bool) -> None:
        self.box[0]["container"]["locked"][container] = locked

    def set_extra_memory(self, container: int, extra: int) -> None:
        self._act(verbs.MEMORY, container, int(extra))

    def watch_memory(self, server: int, above: int) -> None:
        self.box[0]["machine"]["watched"][server] = above

    # ---- what the balancer believes ----
    def publish(self, backends: Sequence[int], via: int = -1, service: int = 0) -> None:
        w = self.box[0]
        n = len(backends)
        if n > self.places:
            self._grow(self.works, 2 * self.places)
            w = self.box[0]
        containers, row = w["container"][: int(w["containers"])], w["balancer"][service]
        containers["published"][containers["balancer"] == service] = 0
        w["backend"][service, :n] = backends
        containers["published"][list(backends)] = 1
        containers["balancer"][list(backends)] = service
        row["backends"], row["via"], row["none_told"] = n, via, 0
        w["balancers"] = max(int(w["balancers"]), service + 1)
        self._act(verbs.PUBLISHED, service)

    def set_routing(self, routing: Routing, service: int = 0) -> None:
        self._route(routing, service)
        self._act(verbs.REROUTED, service)

    # ---- who comes ----
    def set_arrivals(self, arrivals: Arrivals) -> None:
        w, old = self.box[0], self.arrivals
        self.stream = self.stream_before.copy()
        self._arrive(int(w["arrival"]))  # once more those that came, to the one that is due next
        w["arrivals"] = 0
        stream = self.stream[0]
        left = float(stream["left"])
        if left < 0.0:
            left = -math.log(draws.u(self.seed, Stream.ARRIVAL, int(stream["request"])))
        segment, since = int(stream["segment"]), float(stream["since"])
        if old.times_s is None:
            until = min(self.now, self.end)
            left = left_over(segment, since, left, old.start_s, old.rate, old.slope, until)
        stream["left"], stream["event"], stream["since"] = left, self.now, max(since, self.now)
        self._follow(arrivals.after(self.now))
        self.stirred = True
        self.stillness.over()

    def _follow(self, arrivals: Arrivals) -> None:
        """From now on."""
        a = self.arrivals = arrivals
        stream = self.stream[0]
        stream["first"] = stream["request"]
        stream["segment"] = segment_at(a.start_s, float(stream["since"]))
        self.end = min(self.horizon, a.end_s)
        self.curve = tuple(np.array(x, np.float64) for x in (a.start_s, a.rate, a.slope))
        times = np.zeros(0) if a.times_s is None else np.asarray(a.times_s, np.float64)
        self.times = times if a.times_s is None or len(times) else np.array([INFINITY])
        self.stream_before = self.stream.copy()

    def _arrive(self, most: int) -> None:
        start, rate, slope = self.curve
        more_arrivals(self.box, start, rate, slope, self.times, self.end, self.stream, most)

    # ---- probes ----
    def probe(self, container: int, deep: bool = False) -> int:
        number = int(self.box[0]["probes"])
        self._act(verbs.PROBE_SENT, container, int(deep))
        return number

    def forget(self, probe: int) -> None:
        self._act(verbs.FORGOTTEN, probe)

    def stand(self, check: StandingCheck) -> bool:
        stillness.write_round(self.box[0], check)
        self.call(self.box, verbs.STANDS, check.key, 0, 0.0)  # which stirs nothing
        self.stillness.over()  # it may be one that does not pass
        return True

    def recall(self, key: int) -> RoundsSoFar:
        return stillness.ended_round(self.box[0], key)

    def standing(self, probe: int) -> int:
        return stillness.asking_round(self.box[0], probe)

    # ---- observation ----
    def stands_until(self, least_s: float = 0.0) -> float:
        return self.now if self.stirred else self.stillness.until(self, least_s)

    @property
    def stood_s(self) -> float:
        return self.stillness.since_s

    def checks_use(self, container: int, within_s: float) -> float:
        return stillness.checks_use(self.box[0], container, within_s)

    def gauge(self) -> PlaneGauge:
        self.look(self.box, self.figures)
        return PlaneGauge._make(self.figures.item())

    def container_gauge(self, container: int) -> ContainerGauge:
        if container >= self.made:
            raise IndexError(container)
        self.look_at(self.box, container, self.figures_of_one)
        return ContainerGauge._make(self.figures_of_one.item())

    def server_memory(self, server: int) -> int:
        return int(self.memory[server])

    def service_gauge(self, service: int) -> ServiceGauge:
        return readings.service_gauge(self.box[0], service)

    def call_gauges(self, profile: int) -> tuple[CallGauge, ...]:
        return readings.call_gauges(self.box[0], profile)

    def database_gauge(self, database: int) -> DatabaseGauge:
        return readings.database_gauge(self.box[0], database)

    def queue_gauge(self, queue: int) -> QueueGauge:
        return readings.queue_gauge(self.box[0], queue)

    def cache_gauge(self, cache: int) -> CacheGauge:
        return readings.cache_gauge(self.box[0], cache)

    def books(self) -> Books:
        return books_of(self.box, self.walk)

    def recording(self) -> Recording:
        self._fold()
        requests, jobs, refused, latency, latency_sum, longest, *of_ways = self.counted
        all_ways = requests, jobs, refused, latency, latency_sum
        return Recording(self.bucket_s, *all_ways, float(longest[0]), *of_ways)

    def samples(self) -> Samples:
        self._fold()
        return self.sampler.shown(self, self.now)

    def _fold(self) -> None:
        w = self.box[0]
        fetch(w, self.sampler)
        if w["outs"] == 0:
            return
        if self.trace is not None:
            out = w["out"][: int(w["outs"])]
            kind, ids, took = out["kind"], out["id"], out["latency"]
            ended = (kind > 0) & (kind < OUT_REFUSED)
            self.trace += zip(
                ids[ended].tolist(), kind[ended].tolist(), took[ended].tolist(), strict=True
            )
        self.fold(self.box, self.bucket_s, *self.counted)
