"""Ctrl-C and TERM: one way to end, and moments at which a run does not.

Both raise KeyboardInterrupt between two instructions of the main thread. A study keeps what was
finished then, and a report is never left half-written: a signal that comes while one is written, or
while a process is started, is held until that is done.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from threading import current_thread, main_thread
from time import monotonic
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM)
SAME_S = 1.0  # chosen: a signal to the whole group comes once more by way of `timeout` or `uv run`
_MASKS = hasattr(signal, "pthread_sigmask")  # not on Windows


class Interruption:
    """The handler. `number`: of the signal that came, None while none has. A second one, later than
    `SAME_S`, ends the program at once: children leave with it, a later report collects the rest."""

    def __init__(self) -> None:
        self.number: int | None = None
        self.at_s = 0.0

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self.number is None:
            self.number, self.at_s = number, monotonic()
            raise KeyboardInterrupt
        if monotonic() - self.at_s > SAME_S:
            os._exit(128 + number)

    def status(self, status: int) -> int:
        """128 and the signal's number where `status` says that the user interrupted: 130 or 143."""
        if self.number is None or status != 128 + signal.SIGINT:
            return status
        return 128 + self.number


@contextmanager
def endings(last: bool = False) -> Iterator[Interruption]:
    """For the body, both signals end in KeyboardInterrupt; one that the parent has switched off
    (`nohup`, a shell's background job) stays so. `last`: the program ends after the body, whose
    exit status stands."""
    interruption = Interruption()
    if current_thread() is not main_thread():  # nobody else may set handlers
        yield interruption
        return
    heard = [n for n in ENDING if signal.getsignal(n) not in (signal.SIG_IGN, None)]
    before = {number: signal.signal(number, interruption) for number in heard}
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_IGN if last else handler)


@contextmanager
def held(starting: bool = False) -> Iterator[None]:
    """A signal that comes during the body is heard when it is done. `starting` a process: it hears
    none until it says that it never will (`deaf`), for it is its parent's business."""
    if current_thread() is not main_thread():
        yield
        return
    came: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        came.append(number)

    masked = starting and _MASKS  # a child inherits the mask, and no handler
    before = {number: signal.signal(number, note) for number in ENDING}
    try:
        if masked:
            resource_tracker.ensure_running()  # which lifts the mask when it is started
            mask = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        yield
    finally:
        if masked:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)  # `note` hears what waited
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        if came:
            signal.raise_signal(came[0])


def deaf() -> None:
    """In a process that was started inside `held`: for good."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
    if _MASKS:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
