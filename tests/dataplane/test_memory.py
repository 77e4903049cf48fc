"""What waits takes little memory, and more places cost what is in use: the kernel's record."""

from __future__ import annotations

import numpy as np

from sim.dataplane.codes import Kind
from sim.dataplane.kernel.layout import JOBS, JOBS_PER_WORK, REQUESTS, WORK, empty_record, grown
from sim.dataplane.kernel.plane import CompiledPlane
from sim.dataplane.profile import Arrivals, Profile, Workload
from tests.dataplane.worlds import constant, world
from tests.dataplane.worlds import drive as run_of

PAGE = 4096


def resident() -> int:
    """Bytes of this process that are in memory."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * PAGE


def test_a_waiting_job_takes_a_line_of_the_cache() -> None:
    assert np.dtype(JOBS, align=True).itemsize == 64


def test_a_waiting_request_takes_a_client_and_a_work_of_three_lines() -> None:
    assert np.dtype(WORK, align=True).itemsize <= 3 * 64
    assert np.dtype(REQUESTS, align=True).itemsize == 40


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


def test_jobs_wait_by_the_hundred_thousand_without_more_places_for_works() -> None:
    times = np.arange(300_000) / 100_000
    api = Profile(Kind.HTTP, slots=10**6, cpu=constant(0.0), push_rate=1.0)
    small = world(Workload(1, 4.0, Arrivals(times_s=times)), api, Profile(Kind.QUEUE))
    run = run_of(CompiledPlane, small)
    assert run.plane.gauge().jobs_queued == run.plane.books().jobs_queued == 300_000


def test_an_empty_record_takes_what_is_written_and_no_large_pages() -> None:
    """A class has thirty seats with two runs each: of 2 MiB pages each run took 26 MiB."""
    before = resident()
    box = empty_record()
    box[0]["work"]["id"][0] = box[0]["job"]["id"][0] = box[0]["heap"]["at"][0] = 1
    assert resident() - before < 6 * 2**20
