"""Mechanisms by name: what a platform, a scenario or `--set` may put into one of the ten choices.

A mechanism is a frozen record in this folder with `capability: ClassVar[str]`, the choice that it
fills. Its name is the class's in snake case: `RollingUpdate` is `rolling_update`. Nothing else has
to be edited for a new one.
"""

from __future__ import annotations

import inspect
import pkgutil
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Any

import sim.control


def name_of(mechanism: type) -> str:
    """`BlueGreen` -> `blue_green`, `KEDA` -> `keda`, `HAProxy` -> `ha_proxy`."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", mechanism.__name__)
    return words.lower()


@cache
def mechanisms(capability: str) -> dict[str, Any]:
    """The records that may fill this choice, by name, in alphabetical order."""
    found = [c for c in _classes() if c.__dict__.get("capability") == capability]
    return {name_of(c): c for c in sorted(found, key=name_of)}


def _classes() -> Iterator[Any]:
    for module in pkgutil.walk_packages(sim.control.__path__, "sim.control."):
        home = import_module(module.name)
        for _, one in inspect.getmembers(home, inspect.isclass):
            if one.__module__ == home.__name__:
                yield one
