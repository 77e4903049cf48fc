"""Whoever asks: users, and services that call others. One record, so that both mean the same."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sim.schema.fields import Count, Duration, Fraction, Positive, Ratio, Record, Span


class ClientSpec(Record):
    """How one waits for an answer and tries again. See dataplane.profile.Client for the meaning of
    each field."""

    timeout: Span = 5.0
    # of all tries together, with the pauses between them; null: as long as they take
    deadline: Span | None = None
    connect_timeout: Span = 3.0
    retries: Annotated[Count, Field(le=4095)] = 0  # ids have room for so many (dataplane.codes)
    backoff: Duration = 1.0
    backoff_cap: Duration = 30.0
    jitter: Fraction = 0.5
    retry_budget: Ratio | None = None
    # kept open and shared by requests, each to the replica that it was opened to; 0: none is. Of a
    # service: of each process, at most 256
    connections: Annotated[Count, Field(le=65536)] = 0
    connection_age: Span | None = None  # an older one is opened anew; null: never
    connection_idle: Span | None = None  # ... as one that nobody has used for so long
    # that end is its server's (keepAliveTimeout), and for so long nobody here has heard of it: the
    # request that meets it is refused. A round trip, and what a timer is late
    connection_closing: Duration = 0.0
    # shared: requests go over one at once (HTTP/2). exclusive: one at a time (HTTP/1.1); the last
    # used is taken, who finds none idle opens another, and `connections` are kept when idle: Node's
    # Agent 256 (maxFreeSockets, 24), Go's Transport 2 (MaxIdleConnsPerHost, 1.26), requests 10 and
    # urllib3 1 (pool_maxsize, maxsize, block=False), OkHttp 5
    connection_use: Literal["shared", "exclusive"] = "shared"
    # exclusive: more wait for one of so many; null: none does, as with Node (maxSockets), Go
    # (MaxConnsPerHost) and urllib3 unless told; Apache's HttpClient 5.x has 5 to a route
    connections_open: Positive | None = None
    # ... as one whose host has acknowledged nothing for so long (pings); null: until TCP gives up
    connection_silence: Span | None = None
    # close: HTTP/1.1, whose client cannot use it any more; keep: HTTP/2, one stream of many ends
    connection_on_timeout: Literal["close", "keep"] = "close"
