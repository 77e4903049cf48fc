"""Whoever asks: users, and services that call others. One record, so that both mean the same."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sim.schema.fields import Count, Duration, Fraction, Ratio, Record, Span


class ClientSpec(Record):
    """How one waits for an answer and tries again. See dataplane.profile.Client for the meaning of
    each field."""

    timeout: Span = 5.0
    connect_timeout: Span = 3.0
    retries: Annotated[Count, Field(le=4095)] = 0  # ids have room for so many (dataplane.codes)
    backoff: Duration = 1.0
    backoff_cap: Duration = 30.0
    jitter: Fraction = 0.5
    retry_budget: Ratio | None = None
