"""How a health check gets to a process: its connection, like a request's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.dataplane.codes import PROBE_BASE, SYN_RESEND_S, Due, Kind, Note
from sim.dataplane.reference.timing import DueTimer
from sim.dataplane.reference.work import HealthProbe

if TYPE_CHECKING:
    from sim.dataplane.reference.plane import ReferencePlane


def dial(plane: ReferencePlane, work: HealthProbe) -> None:
    """Refused, accepted, shed, sent again, or lost."""
    c = work.container
    assert c is not None
    if not c.server.alive:
        return
    beside = not c.probes_queue()
    if not c.listening:
        plane.note(Note.PROBE_FAILED, work.id - PROBE_BASE)
    elif beside and not (c.hung and c.profile.kind == Kind.HTTP):
        c.enter_beside(work)
    elif c.room():
        c.accept(work)
    elif c.sheds():
        plane.note(Note.PROBE_FAILED, work.id - PROBE_BASE)
    else:
        plane.dialling[work.id] = work
        DueTimer(plane.env, SYN_RESEND_S, Due.DIAL, work.id, lambda i: dial_again(plane, i))


def dial_again(plane: ReferencePlane, ident: int) -> None:
    work = plane.dialling.pop(ident, None)
    if work is not None:
        dial(plane, work)
