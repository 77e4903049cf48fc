"""Looking without touching: all gauges of an instant in one compiled call."""

from __future__ import annotations

from typing import Any

from sim.dataplane.codes import MOST_POOLS
from sim.dataplane.kernel.codes import REFUSED, SUCCEEDED
from sim.dataplane.kernel.compile import entry, inner
from sim.dataplane.kernel.layout import SERVICE_SAMPLE
from sim.dataplane.kernel.postgres import answers, limit
from sim.dataplane.tables import Samples


@inner
def plane_figures(w: Any, figures: Any) -> None:
    """A tables.PlaneGauge into a row."""
    queued, working, busy = 0, 0, 0.0
    for i in range(w.workers):
        working += w.container[w.worker[i]].held + w.container[w.worker[i]].queued
    for q in range(w.queues):
        queue = w.queue[q]
        queued += queue.entries + queue.parked - queue.copies_waiting
        working += queue.pushing - queue.copies_working
    for c in range(w.containers):
        container = w.container[c]
        busy += container.busy + container.n * container.rate * (w.now - container.since)
    connections, most, waits, peak, exhausted = 0, 0, 0, 0, 0.0
    for d in range(w.databases):
        store = w.store[d]
        peak += store.peak
        waits += store.waits
        full = w.now - store.full_since if store.full_since < w.now else 0.0
        exhausted = max(exhausted, store.exhausted + full)
        most += limit(w, d)
        if answers(w, d):
            connections += store.used
    figures.arrived = w.requests + w.returned
    figures.succeeded = w.successes
    figures.failed = w.failures
    figures.in_flight = w.requests + w.returned - w.successes - w.failures
    figures.retries = w.retried
    figures.jobs_queued = queued
    figures.jobs_in_progress = working
    figures.connections = connections
    figures.connection_limit = most
    figures.connection_waits = waits
    figures.connections_peak = peak
    figures.connections_refused = w.refusals
    figures.backlog_peak = w.backlog_peak
    figures.exhausted_s = exhausted
    figures.busy_s = busy


@entry
def look(box: Any, table: Any) -> None:
    """A tables.PlaneGauge into the one row of `table`."""
    plane_figures(box[0], table[0])


@inner
def sample(w: Any) -> None:
    """What is to be seen now, into the ring of samples: of the plane, and of each service."""
    k = w.samples
    plane_figures(w, w.sample[k])
    for service in range(w.sampled_services):
        asked = w.service[service].asked
        failed = 0
        for outcome in range(REFUSED, w.ended.shape[1]):
            failed += w.ended[service, outcome]
        seen = w.service_sample[k, service]
        seen.asked, seen.failed = asked, failed
        seen.open = asked - w.ended[service, SUCCEEDED] - failed - w.service[service].forsaken
    w.samples = k + 1
    w.sampled += 1


@entry
def look_at(box: Any, c: int, table: Any) -> None:
    """A tables.ContainerGauge into the one row of `table`."""
    w, figures = box[0], table[0]
    container = w.container[c]
    figures.inside = container.held
    figures.waiting = container.queued
    figures.memory = container.memory
    figures.served = container.served
    figures.errors = container.errors
    figures.connections = 0
    for pool in range(MOST_POOLS):
        figures.connections += w.pool[MOST_POOLS * c + pool].open
    figures.busy_s = container.busy + container.n * container.rate * (w.now - container.since)


def fetch(w: Any, sampler: Samples) -> None:
    """Empty the ring of samples; none is kept beyond the horizon."""
    n, first = int(w["samples"]), sampler.taken
    if n == 0:
        return
    kept = max(0, min(n, len(sampler.services) - first))
    seen_of_all = w["sample"][:kept]
    for column, sampled in sampler.plane.items():
        sampled[first : first + kept] = seen_of_all[column]
    if services := sampler.services.shape[1]:
        seen = w["service_sample"][:kept, :services]
        for number, column in enumerate(SERVICE_SAMPLE.names or ()):
            sampler.services[first : first + kept, :, number] = seen[column]
    sampler.taken, w["samples"] = first + n, 0
