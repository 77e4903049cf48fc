"""Whose fault it is when a run breaks: a user's own platform file is bad input, told with its line.

What one of our own platforms raises stays what it is: a defect of the program.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from sim.control.core.records import NonsenseError
from sim.platforms.own.files import shown
from sim.platforms.platform import Platform
from sim.schema.fields import InputError

YIELDED = re.compile(r'File "(.+?)", line (\d+), in .*Invalid yield value "(.*)"', re.S)


class Spot(NamedTuple):
    """A place in one of the files: where, and in which of the ten choices, as far as is known."""

    path: Path
    line: int = 0
    capability: str = ""


@contextmanager
def blaming(
    modules: Callable[[], Iterable[ModuleType]], now: Callable[[], float | None]
) -> Iterator[None]:
    """What goes wrong here because of code in these files becomes an `InputError` that names the
    file, the line, the choice and the simulated time (None: not in a run)."""
    try:
        yield
    except InputError:
        raise
    except (Exception, SystemExit) as error:
        told = blamed(error, {Path(str(one.__file__)): one for one in modules()}, now())
        if told is None:
            raise
        raise told from error


def blamed(
    error: BaseException, files: Mapping[Path, ModuleType], now_s: float | None
) -> InputError | None:
    """The error as bad input; None if it is not that of one of these files."""
    first = original(error)
    spot, said = _spot(first, files), f"{type(first).__name__}: {first}".rstrip(": ")
    expected = "code that runs without an error"
    yielded = YIELDED.search(str(first)) if isinstance(first, RuntimeError) else None
    if yielded and Path(yielded[1]) in files:
        spot, said = Spot(Path(yielded[1]), int(yielded[2])), f"`yield` of {yielded[3]}"
        expected = "an event: cluster.clock.after(...), or get() of what cluster.watch(...) gives"
    elif isinstance(first, NonsenseError):
        spot = spot or next((Spot(path, 0, first.choice) for path in reversed(list(files))), None)
        said, expected = first.found, first.expected
    if spot is None:
        return None
    at = "" if now_s is None else f", at {_clock(now_s)} of the run"
    field = f"PLATFORM.{spot.capability}" if spot.capability else ""
    return InputError(shown(spot.path), spot.line, 0, field, f"{said}{at}", expected)


def original(error: BaseException) -> BaseException:
    """SimPy raises copies; each names what it is a copy of. Where none could be made (an exception
    that wants more than its arguments), that is the error, and what it was about stands beside."""
    trace = error.__traceback__
    while isinstance(error, TypeError) and trace is not None:
        event = trace.tb_frame.f_locals.get("event") if trace.tb_next is None else None
        failed = getattr(event, "_value", None)
        error, trace = (failed if isinstance(failed, BaseException) else error), trace.tb_next
    while type(error.__cause__) is type(error) and error.__cause__.args == error.args:
        error = error.__cause__
    return error


def _spot(error: BaseException, files: Mapping[Path, ModuleType]) -> Spot | None:
    """The innermost line of one of the files in the traceback, or whose object was misused."""
    by_name = {str(path): path for path in files}
    found: Spot | None = None
    trace = error.__traceback__
    while trace is not None:
        path = by_name.get(trace.tb_frame.f_code.co_filename)
        if path is not None:
            own = trace.tb_frame.f_locals.get("self")
            found = Spot(path, trace.tb_lineno, _fills(own, files[path]))
        trace = trace.tb_next
    if found is None and isinstance(error, AttributeError):
        home = type(error.obj).__module__
        mine = (path for path, module in files.items() if module.__name__ == home)
        found = next((Spot(path, 0, _fills(error.obj, files[path])) for path in mine), None)
    return found


def _fills(record: Any, module: ModuleType) -> str:
    """Which of the ten choices this record is; nothing if it is none."""
    ten = [field.name for field in fields(Platform)]
    own = [name for name in ten if type(getattr(module.PLATFORM, name)) is type(record)]
    said = getattr(record, "capability", "")
    return said if said in ten else "".join(own[:1])


def _clock(seconds: float) -> str:
    whole = int(seconds)
    rest = f"{seconds - whole:.3f}"[1:].rstrip("0").rstrip(".")
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}{rest}"
