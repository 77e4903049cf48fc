"""The ways in: which services users ask, and in which shares.

A `mix:` names endpoints of the entry (`buy`), services (`api`), and endpoints of those (`api/pay`);
what its shares leave asks the entry, and nothing by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import fsum
from typing import NamedTuple

ROUNDING = 1e-9  # of shares that add up to one
# of each service that answers requests, in file order: its endpoints in the order of their numbers
Answering = Mapping[str, Sequence[str]]


class WayIn(NamedTuple):
    """`share` of users' requests ask this endpoint of this service; None: nothing by name."""

    service: str
    endpoint: str | None
    share: float


def entry_of(services: Answering, mix: Mapping[str, float]) -> str:
    """The first service that users ask: that of the file, unless the mix says by service whom all
    of them ask; "" if none answers."""
    first = next(iter(services), "")
    named = {name.partition("/")[0] for name in mix}
    by_service = named <= services.keys() and mix.keys().isdisjoint(services.get(first, ()))
    if by_service and fsum(mix.values()) > 1.0 - ROUNDING:
        return next(name for name in services if name in named)
    return first


def known_ways(services: Answering, entry: str) -> dict[str, tuple[str, str | None]]:
    """What a mix can name."""
    known: dict[str, tuple[str, str | None]] = {e: (entry, e) for e in services.get(entry, ())}
    known |= {name: (name, None) for name in services if name not in known}
    return known | {f"{s}/{e}": (s, e) for s, endpoints in services.items() for e in endpoints}


def ways_in(services: Answering, mix: Mapping[str, float]) -> tuple[WayIn, ...]:
    """What asks the entry without a name, each of its endpoints, then what the mix names of others,
    in file order; () where all ask the entry alike."""
    entry = entry_of(services, mix)
    if not mix or not entry:
        return ()
    known, rest = known_ways(services, entry), 1.0 - fsum(mix.values())
    shares = {(entry, name): 0.0 for name in (None, *services[entry])}
    shares[entry, None] = rest if rest > ROUNDING else 0.0
    named = [(known[name], share) for name, share in mix.items() if name in known]
    order = [(s, e) for s in services for e in (None, *services[s])]
    for way, share in sorted(named, key=lambda pair: order.index(pair[0])):
        shares[way] = shares.get(way, 0.0) + share
    return tuple(WayIn(service, name, share) for (service, name), share in shares.items())
