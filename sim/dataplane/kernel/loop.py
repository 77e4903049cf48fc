"""How time passes: `advance`, from one control event to the next; and the kernel's one door.

`advance` stops early, at a whole instant, when there is something to tell (a notice), something to
fetch (the out ring is nearly full), something to bring (more arrivals, more places), or when its
budget of events is used up, so that Ctrl-C is never far away.
"""

from __future__ import annotations

from typing import Any

from sim.dataplane.arithmetic import INFINITY
from sim.dataplane.codes import ID_BITS
from sim.dataplane.kernel.balancers import dialled
from sim.dataplane.kernel.clients import arrive, asks_again, gives_up, retry
from sim.dataplane.kernel.codes import (
    ARRIVAL,
    CHECKOUT,
    COMPLETION,
    DIAL,
    GHOST,
    HTTP_500,
    JOB_BACK,
    OPEN,
    PASSED,
    PATIENCE,
    RETRY,
    ROUND,
)
from sim.dataplane.kernel.compile import entry, inner
from sim.dataplane.kernel.gauges import sample
from sim.dataplane.kernel.jobs import returned
from sim.dataplane.kernel.layout import (
    BLOCK,
    HELD,
    NOTES,
    OUTS,
    PARKED,
    PROBE,
    PUSH_FAILED,
    SAMPLES,
    STANDING,
    WAITED_FOR,
    WORKING,
)
from sim.dataplane.kernel.leases import lease_ended
from sim.dataplane.kernel.lines import leaves_line
from sim.dataplane.kernel.postgres import ghost_closed
from sim.dataplane.kernel.probes import dial_probe_again, probe
from sim.dataplane.kernel.rounds import asks_now, hand_back
from sim.dataplane.kernel.sessions import timed_out
from sim.dataplane.kernel.stations import complete
from sim.dataplane.kernel.stillness import stands_until
from sim.dataplane.kernel.stories import follow_through
from sim.dataplane.kernel.timing import (
    BROKEN,
    BUDGET,
    CHECKOUT_RING,
    NEED_ARRIVALS,
    NEED_PLACES,
    NOTICED,
    OUT_FULL,
    PATIENCE_RING,
    REACHED,
    agenda,
    heap_pop,
    lacks_places,
    short_of,
)
from sim.dataplane.kernel.verbs import ADVANCE, STILL, act, open_next

FETCH = 1 << 12  # entries of the out ring that are fetched at once: they stay in the cache
KIND_OF_RING = (DIAL, CHECKOUT, PATIENCE)  # as timing's DIAL_RING, CHECKOUT_RING, PATIENCE_RING
# where a timer comes from; 2 + its ring, if it is in one; -2 - its place in line
FROM_HEAP = 100


# ---- which timed event is next ----
@inner
def earliest_station(w: Any) -> int:
    """The station with the least (due, id), or -1; only blocks that changed are looked through."""
    for i in range(w.dirty_blocks):
        b = w.block_dirty[i]
        w.dirty[b] = 0
        least, at = INFINITY, -1
        for c in range(b * BLOCK, min((b + 1) * BLOCK, w.containers)):
            if w.due[c] < least:
                least, at = w.due[c], c
        w.block_due[b], w.block_at[b] = least, at
    w.dirty_blocks = 0
    least, at = INFINITY, -1
    for b in range((w.containers + BLOCK - 1) // BLOCK):
        if w.block_due[b] < least:
            least, at = w.block_due[b], w.block_at[b]
    return at


@inner
def ring_first(w: Any, ring: int) -> int:
    """Place of the first timer of a ring that can still act, or -1; stale ones are skipped."""
    mask = w.ring_mask
    head, tail = w.ring_head[ring], w.ring_tail[ring]
    while head < tail:
        timer = w.ring[ring, head & mask]
        work = w.work[timer.at]
        if work.id == timer.id:
            if ring >= PATIENCE_RING:
                live = work.replied == 0
            elif ring == CHECKOUT_RING:
                live = work.timer_at == timer.t
            else:
                live = work.dial_at == timer.t
            if live:
                break
        head += 1
    w.ring_head[ring] = head
    return head & mask if head < tail else -1


@inner
def act_timer(w: Any, kind: int, ident: int, s: int) -> None:
    """A timer is due; it acts if its work still waits for exactly this time."""
    if s < 0:
        leaves_line(w, -2 - s, ident)
        return
    work = w.work[s]
    if kind == RETRY:
        retry(w, s, ident)
    elif kind == DIAL:
        if work.id == ident:
            if work.kind == PROBE:
                dial_probe_again(w, s)
            else:
                dialled(w, s)
    elif kind == OPEN:
        open_next(w, s)
    elif kind == CHECKOUT:
        if work.id == ident and work.timer_at == w.now:
            if work.stage == PUSH_FAILED:
                work.timer_at = INFINITY
                agenda(w, s, HTTP_500)
            else:
                timed_out(w, s)
    elif kind == PATIENCE:
        if work.id == ident:
            gives_up(w, s)
    elif kind == PASSED:
        if work.id == ident and work.timer_at == w.now and work.stage in WAITED_FOR:
            work.timer_at = INFINITY
            agenda(w, s, 0)
    elif kind == JOB_BACK:
        d = w.job[s].delivery
        if w.job[s].id == ident and d >= 0 and w.delivery[d].park_at == w.now:
            if w.job[s].state == PARKED:
                returned(w, s)
            elif w.job[s].state == WORKING or w.job[s].state == HELD:
                lease_ended(w, s)
    elif kind == GHOST:
        ghost_closed(w, s, ident)
    elif kind == ARRIVAL:
        asks_again(w, ident)
    elif kind == ROUND and asks_now(w, s, ident):
        probe(w, s // STANDING, w.round[s].deep)


@inner
def step(w: Any, stop: float, until: float) -> bool:
    """The next timed event and all that follows; False if none is due by `stop`. Rounds at exactly
    `until` are left: whoever acts there has an order for them."""
    c = earliest_station(w)
    t = w.due[c] if c >= 0 else INFINITY
    key = (COMPLETION << ID_BITS) + c
    source = 0
    arrival = w.arrival_at[w.arrival]
    if arrival < t:
        t, source = arrival, 1
        key = ARRIVAL << ID_BITS
    for ring in range(w.rings):
        k = ring_first(w, ring)
        if k >= 0:
            ring_t = w.ring[ring, k].t
            if ring_t <= t:
                ring_key = (KIND_OF_RING[min(ring, PATIENCE_RING)] << ID_BITS) + w.ring[ring, k].id
                if ring_t < t or ring_key < key:
                    t, key, source = ring_t, ring_key, 2 + ring
    if w.lined > 0:
        for ring in range(PATIENCE_RING, w.rings):
            k = w.line_first[ring]
            if k >= 0 and w.line[k].until <= t:
                line_key = (PATIENCE << ID_BITS) + w.line[k].id
                if w.line[k].until < t or line_key < key:
                    t, key, source = w.line[k].until, line_key, -2 - k
    if w.heap_n > 0 and (w.heap[0].t < t or (w.heap[0].t == t and w.heap[0].key < key)):
        t, key, source = w.heap[0].t, w.heap[0].key, FROM_HEAP
    if t > stop or t == INFINITY:
        return False
    if t == until and source == FROM_HEAP and key >= ROUND << ID_BITS:
        return False
    w.now = t
    if source == 0:
        complete(w, c)
    elif source == 1:
        w.arrival += 1
        arrive(w)
    else:
        s = source
        if source == FROM_HEAP:
            s = w.heap[0].at
            heap_pop(w)
        elif source > 0:
            ring = source - 2
            s = w.ring[ring, w.ring_head[ring] & w.ring_mask].at
            w.ring_head[ring] += 1
        act_timer(w, key >> ID_BITS, key & ((1 << ID_BITS) - 1), s)
    follow_through(w)
    return True


@inner
def advance(w: Any, until: float, budget: int) -> int:
    """Run to `until` (inclusive); the reason why it stopped. `now` is where it stands."""
    stop = min(until, w.sampled * w.sample_s)
    for _ in range(budget):
        if w.agenda_tail > 0:
            return short_of(w)  # in the middle of an instant
        if w.notes > 0:
            return NOTICED if w.notes <= NOTES else BROKEN
        if w.outs > FETCH:
            return OUT_FULL if w.outs <= OUTS else BROKEN
        if w.arrival >= w.arrivals:
            return NEED_ARRIVALS
        if lacks_places(w):
            return NEED_PLACES
        if not step(w, stop, until):
            w.now = stop
            if stop == until:
                hand_back(w, until)
                return NOTICED if w.notes > 0 else REACHED
            sample(w)  # time goes on: nobody acts at this instant any more
            stop = min(until, w.sampled * w.sample_s)
            if w.samples == SAMPLES:
                return OUT_FULL
    return BUDGET


@entry
def call(box: Any, verb: int, at: int, b: int, x: float) -> tuple[int, float, int]:
    """All that Python asks of the kernel, behind one door: a second one would be compiled with
    all of the kernel inside once more. ADVANCE: to time x, at most b events; STILL: until when it
    stands, if that is later than x; else a verb.
    Returns why it stopped, where it stands, and how many notices wait."""
    w = box[0]
    if verb == STILL:
        return REACHED, stands_until(w, x), w.notes
    why = REACHED
    if verb == ADVANCE:
        why = advance(w, x, b)
    else:
        act(w, verb, at, b, x)
        why = short_of(w)
    return why, w.now, w.notes
