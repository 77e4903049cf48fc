"""Caches, as people write them: what is asked for, and what of it one keeps for how long."""

from __future__ import annotations

from typing import Annotated

from sim.constants import facts
from sim.constants.facts import default
from sim.schema import bounds
from sim.schema.fields import Count, Positive, Ratio, Record, Span, at_most


class CacheContents(Record):
    """The share of hits is not set: it follows from what a cache holds. It begins with nothing
    (after each start and flush), and is filled by what is served."""

    keys: Annotated[Positive, at_most(bounds.KEYS)] = default(facts.CACHE_KEYS)  # asked for
    skew: Ratio = default(facts.CACHE_SKEW)  # the n-th is asked for as n ** -skew (Zipf); 0: alike
    entries: Count | None = None  # at most; then the least recently used goes. null: all fit
    ttl: Span | None = None  # from when it was filled; null: never too old
    warm: bool = True  # at second 0 it holds all that it can
