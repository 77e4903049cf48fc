"""Who asks: reference/clients.py over arrays.

An attempt is a work; its request's place r keeps what the client's process keeps in the reference
(when it arrived, which attempt it waits for).
"""

from __future__ import annotations

from typing import Any

from sim.dataplane import arithmetic
from sim.dataplane.kernel.balancers import dial, reply
from sim.dataplane.kernel.codes import (
    CLIENT_TIMEOUT,
    DRAW_BACKOFF,
    PATIENCE,
    RETRY,
    SUCCEEDED,
)
from sim.dataplane.kernel.compile import inner
from sim.dataplane.kernel.draws import snap, uniform
from sim.dataplane.kernel.layout import OUT_ARRIVED, REQUEST
from sim.dataplane.kernel.timing import (
    new_work,
    out,
    set_timer,
)

attempt_id = inner(arithmetic.attempt_id)
backoff = inner(arithmetic.backoff)


# ---- clients ----
@inner
def arrive(w: Any) -> None:
    request = w.requests
    w.requests = request + 1
    out(w, OUT_ARRIVED, w.now, 0.0, request)
    w.tokens = min(w.tokens + w.client_budget, w.most_tokens)
    r = w.request_free
    if r < 0:
        r = w.request_top
        w.request_top = r + 1
    else:
        w.request_free = w.request[r].work
    w.request[r].id, w.request[r].arrived, w.request[r].retry = request, w.now, 0
    attempt(w, r)


@inner
def attempt(w: Any, r: int) -> None:
    """One more try of a request: patience starts, the client dials."""
    client = w.request[r]
    ident = attempt_id(client.id, client.retry)
    s = new_work(w, ident, REQUEST)
    w.work[s].of_request = r
    w.work[s].visit, w.work[s].tried, w.work[s].balancer = client.id, ident, 0
    client.work = s
    set_timer(w, PATIENCE, w.client_timeout_s, ident, s)
    dial(w, s)


@inner
def replied(w: Any, r: int, outcome: int) -> None:
    """The client has its answer: done, or again after a back-off."""
    client = w.request[r]
    retry_number = client.retry
    if outcome == SUCCEEDED or retry_number >= w.client_retries or w.tokens < 1.0:
        if outcome == SUCCEEDED:
            w.successes += 1
        else:
            w.failures += 1
        out(w, outcome, client.arrived, w.now - client.arrived, client.id)
        client.id = -1
        client.work = w.request_free
        w.request_free = r
        return
    w.tokens -= 1.0
    w.retried += 1
    ident = attempt_id(client.id, retry_number)
    u1 = uniform(w, DRAW_BACKOFF, ident)
    wait = backoff(
        w.client_backoff_s,
        w.client_backoff_factor,
        w.client_backoff_cap_s,
        retry_number,
        w.client_jitter,
        u1,
    )
    set_timer(w, RETRY, snap(wait, w.lattice), ident, r)


@inner
def retry(w: Any, r: int) -> None:
    w.request[r].retry += 1
    attempt(w, r)


@inner
def gives_up(w: Any, s: int) -> None:
    if w.work[s].replied == 0:
        reply(w, s, CLIENT_TIMEOUT)
