"""Mechanisms by name: what a platform, a scenario or `--set` may put into one of the ten choices.

A mechanism is found by where it stands: a frozen record in a file of its capability's room
(`sim/control/rolling_updates/`) that says `capability: ClassVar[str] = "rolling_updates"`. The word
that people write is its class's name. Nothing else has to be edited for a new one. A record without
`capability` is one platform's own: `--set` does not know it.
"""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Any


def name_of(mechanism: type) -> str:
    """Its class's name in snake case (`MyCanary` -> `my_canary`), or what the class gives as its
    `name`: a word that stays, whatever the class is called."""
    given = vars(mechanism).get("name")
    if isinstance(given, str):
        return given
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", mechanism.__name__)
    return words.lower()


@cache
def mechanisms(capability: str) -> dict[str, Any]:
    """The records that may fill this choice, by name, in alphabetical order. ValueError where two
    have one name."""
    records = sorted(_in_room(capability), key=name_of)
    named = {name_of(mechanism): mechanism for mechanism in records}
    if len(named) < len(records):
        raise ValueError(f"two mechanisms for {capability} have one name: {records}")
    return named


def _in_room(capability: str) -> Iterator[type]:
    room = import_module(f"sim.control.{capability}")
    for file in pkgutil.iter_modules(room.__path__, f"{room.__name__}."):
        for value in vars(import_module(file.name)).values():
            own = isinstance(value, type) and value.__module__ == file.name
            if own and vars(value).get("capability") == capability:
                yield value
