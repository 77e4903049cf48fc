"""The paths of a log as endpoints of a service: what is one of many folded, the largest with their
shares.

A path becomes what is a route to whoever wrote the service: `/user/123?tab=2` is `/user/:id`. What
is taken for an id is chosen, as all who count by route choose it: numbers, UUIDs, hexadecimal words
of 8 or more with a digit in them, and other words of 20 or more with one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import urlsplit

OTHER = "other"  # all smaller ones, and requests without a path
MOST_PATHS = 100_000  # that are told apart; what comes later is `other`; chosen
_ID = re.compile(
    r"\d+(?:[.,:_-]\d+)*"
    r"|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
    r"|(?=\D*\d)[0-9a-f]{8,}"
    r"|(?=\D*\d)[\w=-]{20,}",
    re.IGNORECASE,
)
_HASH = re.compile(r"\b(?=[a-f]*\d)[0-9a-f]{8,}\b", re.IGNORECASE)  # main.3f2a9c01.js


class AskedPath(NamedTuple):
    """An endpoint that a log has: its name in a stack, its path, its share of the requests."""

    name: str
    path: str
    share: float


@lru_cache(1 << 16)
def folded(path: str) -> str:
    """Without host, query and ids; "" of none."""
    try:
        bare = urlsplit(path).path.partition(";")[0]
    except ValueError:
        return ""
    words = (":id" if _ID.fullmatch(w) else _HASH.sub(":id", w) for w in bare.split("/") if w)
    return "/" + "/".join(words) if bare else ""


def counting(counts: Counter[str], matching: Callable[[str], Any] | None) -> Callable[[str], bool]:
    """The same as `matching`, and what it lets through is counted by its folded path."""

    def counts_it(path: str) -> bool:
        if matching is not None and not matching(path):
            return False
        route = folded(path)
        counts[route if route in counts or len(counts) < MOST_PATHS else ""] += 1
        return True

    return counts_it


def largest(counts: Counter[str], most: int) -> tuple[AskedPath, ...]:
    """So many endpoints, the largest first (of equals by path), then what is left as `other`."""
    total, paths = counts.total(), dict[str, str]()
    asked: Counter[str] = Counter()
    for path, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        name = _name(path) if path else OTHER
        if name not in asked and (name == OTHER or len(paths) == most):
            name = OTHER
        else:
            paths.setdefault(name, path)
        asked[name] += count
    rest = asked.pop(OTHER, 0)
    told = [AskedPath(name, paths[name], count / total) for name, count in asked.items()]
    told.sort(key=lambda each: -each.share)
    return (*told, *([AskedPath(OTHER, "", rest / total)] if rest else []))


def _name(path: str) -> str:
    """As a stack may have it."""
    return re.sub(r"[^a-z0-9]+", "-", path.lower()).strip("-") or "root"
