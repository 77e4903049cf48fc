"""Standing health checks: rounds that the plane makes by itself, as long as each answer is good.

A row of `round` for each check that a container may have (the first is STANDING * c; their order
within an instant). The control plane fills it in (`stand`), and has it back with its question open
or its next instant known (`recall`): of its own accord, or when it is told HANDED_BACK, since an
answer is late, or since it acts at the very instant of a round, and its own order holds there.
"""

from __future__ import annotations

from typing import Any

from sim.dataplane.codes import ID_BITS
from sim.dataplane.kernel.codes import NOTE_HANDED_BACK, ROUND
from sim.dataplane.kernel.compile import inner
from sim.dataplane.kernel.layout import STANDING
from sim.dataplane.kernel.timing import heap_pop, heap_push, note

LATE = 0.5  # of its time-out: so long before it must an open question be handed back


@inner
def wait_for_round(w: Any, k: int) -> None:
    heap_push(w, w.round[k].due, (ROUND << ID_BITS) + 2 * k, k)


@inner
def asks_now(w: Any, k: int, ident: int) -> bool:
    """A timer of check k is due: does it ask? Else its answer may be late."""
    check = w.round[k]
    if check.stands == 0:
        return False
    if ident == 2 * k:
        if check.question >= 0 or check.due != w.now:
            return False
        check.k += 1
        check.asked, check.question = w.now, w.probes
        heap_push(w, w.now + LATE * check.timeout, (ROUND << ID_BITS) + 2 * k + 1, k)
        return True
    if check.question >= 0 and check.asked + LATE * check.timeout == w.now:
        note(w, NOTE_HANDED_BACK, k)
    return False


@inner
def passed(w: Any, c: int, number: int) -> bool:
    """A probe of container c has passed: was it one of these, which wait for their next round? As
    `Worker.next_tick` and `Clock.at` of the control plane (or `Clock.after`), to the last bit."""
    for k in range(STANDING * c, STANDING * (c + 1)):
        check = w.round[k]
        if check.stands != 0 and check.question == number:
            check.question = -1
            wait = check.period
            if check.grid != 0:
                check.k = max(check.k, int((w.now - check.first) // check.period))
                wait = check.first + check.k * check.period - w.now
            check.due = w.now + (wait if wait > 0.0 else 0.0)
            wait_for_round(w, k)
            return True
    return False


@inner
def hand_back(w: Any, until: float) -> None:
    """Where the control plane acts, rounds take their places among its own."""
    while w.heap_n > 0 and w.heap[0].t == until and w.heap[0].key >= ROUND << ID_BITS:
        k = w.heap[0].at
        heap_pop(w)
        check = w.round[k]
        if check.stands != 0 and (check.question >= 0 or check.due == until):
            note(w, NOTE_HANDED_BACK, k)
