"""A file a verb: the function of its name is the command (`list_` where Python has the name, in
`import_.py` where a module cannot have it).

There is no list of them: `sim.cli.app` takes every file here. What a verb is good for is told in
README.md or docs/, which a test asks for.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterator
from importlib import import_module


def verbs() -> Iterator[tuple[str, Callable[..., int]]]:
    """Name and function of each, in alphabetical order."""
    for name in sorted(module.name for module in pkgutil.iter_modules(__path__)):
        module = import_module(f"{__name__}.{name}")
        verb = name.removesuffix("_")
        yield verb, getattr(module, verb, None) or getattr(module, f"{verb}_")
