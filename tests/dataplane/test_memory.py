"""What waits takes little memory, and more places cost what is in use: the kernel's record."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from sim.dataplane.codes import Kind, Outcome
from sim.dataplane.kernel.layout import (
    CONTAINERS,
    JOBS_PER_WORK,
    REQUESTS,
    WORK,
    WORKS,
    can_be,
    empty_record,
    grown,
    layout,
)
from sim.dataplane.kernel.plane import CompiledPlane
from sim.dataplane.profile import Arrivals, Client, Profile, Workload
from tests.dataplane.worlds import constant, world
from tests.dataplane.worlds import drive as run_of

PAGE = 4096
N = 300_000


def resident() -> int:
    """Bytes of this process that are in memory."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * PAGE


def in_use(box: NDArray[np.void]) -> int:
    """Bytes of the places that are or were taken, of all that grows with what waits. (Rings of
    timers do not: what finds no room there is in the heap.)"""
    w = box[0]
    works, links = int(w["work_top"]), 2 * int(w["work_top"])
    used = {
        "work": works, "next": links, "prev": links, "request": w["request_top"],
        "line": w["line_top"], "job": w["job_top"], "delivery": w["delivery_top"],
        "heap": w["heap_n"], "agenda": w["agenda_tail"],
    }  # fmt: skip
    return sum(int(n) * w[table].itemsize for table, n in used.items())


def test_a_waiting_request_takes_48_bytes() -> None:
    """Users of whom each waits for 1,000 s at most, before a process that accepts all of them."""
    times = np.arange(N) / 100_000
    busy = Profile(Kind.HTTP, slots=4, at_once=True, cpu=constant(1e6))
    for patience_s in (1_000.0, math.inf):
        client = Client(timeout_s=patience_s)
        run = run_of(CompiledPlane, world(Workload(1, 4.0, Arrivals(times_s=times), client), busy))
        assert run.plane.gauge().in_flight == run.plane.books().open_requests == N
        each = in_use(run.plane.box) / N
        assert each < 48.5


def test_all_who_wait_may_be_told_at_once() -> None:
    """Nobody becomes a work for it; all are clients again, and gone."""
    times = np.arange(N) / 100_000
    busy = Profile(Kind.HTTP, slots=4, at_once=True, cpu=constant(1e6))
    crowd = Workload(1, 5.0, Arrivals(times_s=times), Client(timeout_s=1_000.0))
    run = run_of(CompiledPlane, world(crowd, busy, script=[(4.0, "exit", (0,))]))
    assert run.causes() == {Outcome.DROPPED_ON_KILL: N}
    assert run.plane.box[0]["lined"] == run.plane.books().open_requests == 0
    assert run.plane.box[0]["work_top"] < 100


def test_a_work_in_flight_takes_three_lines_of_the_cache() -> None:
    assert np.dtype(WORK, align=True).itemsize <= 3 * 64
    assert np.dtype(REQUESTS, align=True).itemsize == 40


def test_what_the_record_can_hold_is_known_before_it_is_made() -> None:
    """numpy counts its bytes in 31 bits, and goes on from below zero."""
    most = WORKS + WORKS // 2
    assert can_be(most, CONTAINERS)
    assert layout(most, CONTAINERS).itemsize < 2**31
    assert not can_be(2 * WORKS, CONTAINERS)


def test_growing_takes_no_memory_for_places_that_nobody_has_used() -> None:
    """Before, all were copied: a page that is written to is a page that is taken, 2.9 GB for 3.5
    million jobs."""
    box = empty_record(1 << 16, 64)
    used = 5_000
    box[0]["job_top"] = used
    box[0]["job"]["id"][:used] = np.arange(used)
    before = resident()
    wider = grown(box, 1 << 20, 64)
    assert resident() - before < 60 * 2**20  # of the 500 MiB that it reserves
    assert len(wider[0]["job"]) == JOBS_PER_WORK << 20
    assert (wider[0]["job"]["id"][:used] == np.arange(used)).all()


def test_a_waiting_job_takes_48_bytes_and_no_place_for_a_work() -> None:
    times = np.arange(N) / 100_000
    api = Profile(Kind.HTTP, slots=10**6, cpu=constant(0.0), push_rate=1.0)
    small = world(Workload(1, 4.0, Arrivals(times_s=times)), api, Profile(Kind.QUEUE))
    run = run_of(CompiledPlane, small)
    assert run.plane.gauge().jobs_queued == run.plane.books().jobs_queued == N
    each = in_use(run.plane.box) / N
    assert each < 48.5


def test_an_empty_record_takes_what_is_written_and_no_large_pages() -> None:
    """A class has thirty seats with two runs each: of 2 MiB pages each run took 26 MiB."""
    before = resident()
    box = empty_record()
    box[0]["work"]["id"][0] = box[0]["job"]["id"][0] = box[0]["heap"]["at"][0] = 1
    assert resident() - before < 6 * 2**20
