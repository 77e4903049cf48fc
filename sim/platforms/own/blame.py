"""Whose fault it is when a run breaks: a user's own platform file is bad input, told with its line.

What one of our own platforms raises stays what it is: a defect of the program.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from sim.control.core.choices import TEN
from sim.control.core.records import NonsenseError
from sim.platforms.own.files import shown
from sim.schema.fields import InputError

YIELDED = re.compile(r'File "(.+?)", line (\d+), in .*Invalid yield value "(.*)"', re.S)


class Culprit(NamedTuple):
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
        files = {Path(str(module.__file__)): module for module in modules()}
        bad_input = blamed(error, files, now())
        if bad_input is None:
            raise
        raise bad_input from error


def blamed(
    error: BaseException, files: Mapping[Path, ModuleType], now_s: float | None
) -> InputError | None:
    """The error as bad input; None if it is not that of one of these files."""
    first = original(error)
    culprit, found = _culprit(first, files), f"{type(first).__name__}: {first}".rstrip(": ")
    expected = "code that runs without an error"
    yielded = YIELDED.search(str(first)) if isinstance(first, RuntimeError) else None
    if yielded and Path(yielded[1]) in files:
        culprit, found = Culprit(Path(yielded[1]), int(yielded[2])), f"`yield` of {yielded[3]}"
        expected = "an event: cluster.clock.after(...), or get() of what cluster.watch(...) gives"
    elif isinstance(first, NonsenseError):
        last = next(reversed(list(files)), None)
        culprit = culprit or (Culprit(last, 0, first.choice) if last else None)
        found, expected = first.found, first.expected
    if culprit is None:
        return None
    at = "" if now_s is None else f", at {_clock(now_s)} of the run"
    field = f"PLATFORM.{culprit.capability}" if culprit.capability else ""
    return InputError(shown(culprit.path), culprit.line, 0, field, f"{found}{at}", expected)


def original(error: BaseException) -> BaseException:
    """SimPy raises copies; each names what it is a copy of. Where none could be made (an exception
    that wants more than its arguments), that is the error, and what it was about stands beside."""
    from sim.dataplane.simpy_inside import failure_of  # noqa: PLC0415 - simpy loads with it

    trace = error.__traceback__
    while isinstance(error, TypeError) and trace is not None:
        event = trace.tb_frame.f_locals.get("event") if trace.tb_next is None else None
        error, trace = failure_of(event) or error, trace.tb_next
    while type(error.__cause__) is type(error) and error.__cause__.args == error.args:
        error = error.__cause__
    return error


def _culprit(error: BaseException, files: Mapping[Path, ModuleType]) -> Culprit | None:
    """The innermost line of one of the files in the traceback, or whose object was misused."""
    by_name = {str(path): path for path in files}
    culprit: Culprit | None = None
    trace = error.__traceback__
    while trace is not None:
        path = by_name.get(trace.tb_frame.f_code.co_filename)
        if path is not None:
            own = trace.tb_frame.f_locals.get("self")
            culprit = Culprit(path, trace.tb_lineno, _fills(own, files[path]))
        trace = trace.tb_next
    if culprit is None and isinstance(error, AttributeError):
        home = type(error.obj).__module__
        for path, module in files.items():
            if module.__name__ == home:
                return Culprit(path, 0, _fills(error.obj, module))
    return culprit


def _fills(record: Any, module: ModuleType) -> str:
    """Which of the ten choices this record is; nothing if it is none."""
    own = [name for name in TEN if type(getattr(module.PLATFORM, name)) is type(record)]
    capability = getattr(record, "capability", "")
    return capability if capability in TEN else "".join(own[:1])


def _clock(seconds: float) -> str:
    whole = int(seconds)
    rest = f"{seconds - whole:.3f}"[1:].rstrip("0").rstrip(".")
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}{rest}"
