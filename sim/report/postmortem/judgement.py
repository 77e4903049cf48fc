"""What went well and what went badly: one sentence a rule, each a figure of the run."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sim.dataplane.tables import FIRST_CAUSE
from sim.report.incident import FAULTS
from sim.report.postmortem.attribution import seconds_by_kind
from sim.report.postmortem.phrases import JOBS, ended, were
from sim.report.text import words
from sim.report.text.words import plural
from sim.results.figures import Figures, total
from sim.results.run import Run, TimelineRow
from sim.schema.scenario import NATURES

BARE_S = 60.0  # chosen: a restart is no matter, a replica that stays away is
QUICK_S = 60.0  # chosen: a minute, as long as monitoring counts before it is sure
BREAKS = ("exit", *(kind for kind, nature in NATURES.items() if nature == "trouble"))
SHORT_S = 10.0  # of so little it is idle to say where it went

Judgement = Iterator[tuple[bool, str]]  # good?, a sentence


def judged(figures: Figures, run: Run | None) -> Judgement:
    """All sentences, in order. `run`: the first seed's, for what is no figure."""
    yield from users(figures)
    if run is not None and run.fault_s is not None:
        yield from reaction(figures, run)
        yield from people(figures, run)
    if figures["redundancy_lost_s"] >= BARE_S:
        bare = words.duration(figures["redundancy_lost_s"])
        yield False, f"For {bare} a replica was missing and no user felt it."
    yield from jobs(figures)
    yield from database(figures)


def users(figures: Figures) -> Judgement:
    failed = total(figures, "requests.failed")
    down, degraded = figures["downtime_s"], figures["degraded_s"]
    if not failed:
        yield True, "Not one request failed."
    elif not down:
        yield True, f"Users were never down; {plural(failed, 'request')} failed."
    if down:
        yield False, f"Users were down for {words.duration(down)}."
    elif degraded >= 1.0:
        yield False, f"The SLO was missed for {words.duration(degraded)}."


def reaction(figures: Figures, run: Run) -> Judgement:
    """How long nobody was told or acted, what it cost, and where the time went."""
    fault = run.fault_s
    assert fault is not None
    if figures["degraded_s"] < 1.0:
        return  # a request or two, which nobody could have seen
    of = f" (seed {run.seed})" if "intervals" in figures else ""  # the others are means
    page = next((row.t_s for row in run.timeline if row.event == "page" and row.t_s >= fault), None)
    if page is not None:
        delay = words.duration(page - fault)
        lost = plural(failed_between(run, fault, page), "request")
        told = f"A person was told {delay} after it began; by then {lost} had failed{of}."
        yield page - fault <= QUICK_S, told
    elif run.detected_s is None:
        yield False, "Nobody and nothing acted on it."
    else:
        action = first_action(run)
        took = run.detected_s - fault
        after = f"{words.duration(took)} after it began" if took else "at once"
        what = f": {action.text or action.event.replace('_', ' ')}" if action else ""
        if action is None or action.event != "autoscaling" or not broken(run):
            yield took <= QUICK_S, f"The first action came {after}{of}{what}."
    if figures["degraded_s"] >= SHORT_S:
        parts = sorted(seconds_by_kind(run).items(), key=lambda part: -part[1])
        where = ", ".join(f"{words.duration(s)} {kind}" for kind, s in parts if s >= 1.0)
        yield False, f"Where the time with the SLO missed went{of}: {where}."
    if figures["recover_s"] is None:
        yield False, "Users were not served well again before the run ended."


def first_action(run: Run) -> TimelineRow | None:
    """What the timeline says at the moment of the first action; the fault itself is none."""
    rows = (row for row in run.timeline if row.t_s == run.detected_s and row.event not in FAULTS)
    return next((row for row in rows if not of_fault(row, run)), None)


def of_fault(row: TimelineRow, run: Run) -> bool:
    """Is it a process that ended at the moment of the fault?"""
    return row.event == "exit" and row.t_s == run.fault_s


def broken(run: Run) -> bool:
    """Did something break? An autoscaler that happens to act then is no answer to it."""
    return any(row.event in BREAKS or of_fault(row, run) for row in run.timeline)


def failed_between(run: Run, start_s: float, end_s: float) -> int:
    """Requests that arrived in this time and failed."""
    width = run.recording.bucket_s
    table = run.recording.requests[int(start_s // width) : int(np.ceil(end_s / width))]
    return int(table[:, FIRST_CAUSE:].sum())


def people(figures: Figures, run: Run) -> Judgement:
    operator = figures["operator"]
    over = figures["recover_s"] is not None or figures["degraded_s"] < 1.0
    if not operator["minutes"] and not operator["pages"] and over:
        yield True, "Nobody was called, and nobody had to do anything."
    if any(row.event == "page" and "missed" in row.text for row in run.timeline):
        of = f" (seed {run.seed})" if "intervals" in figures else ""
        yield False, f"The first page was missed{of}."
    if operator["minutes"] >= 1.0:
        minutes = words.figure("operator.minutes", operator["minutes"])
        yield False, f"It took {minutes} of work by hand."
    if operator["mistakes"]:
        steps = f"{plural(operator['mistakes'], 'step')}{' a run' * ('intervals' in figures)}"
        yield False, f"{steps} went wrong by hand and had to be redone."


def jobs(figures: Figures) -> Judgement:
    counted = figures["jobs"]
    lost = total(figures, "jobs.lost")
    never = counted["wanted"] - counted["enqueued"]
    if never >= 1.0:
        of = f"of {plural(counted['wanted'], 'job')} that users wanted"
        yield False, f"{words.count(never)} {of} never came to be: their requests failed."
    if lost:
        how = ended(counted["lost"], JOBS)
        yield False, f"{plural(lost, 'job')} {were(lost)} lost: {how}."
    if counted["duplicated"]:
        twice = counted["duplicated"]
        yield False, f"{plural(twice, 'job')} {were(twice)} done twice."
    if counted["enqueued"] and never < 1.0 and not lost and not counted["duplicated"]:
        yield True, "No job was lost, and none was done twice."
    if counted["drained_at_s"] is None and counted["queued"]:
        yield False, f"{plural(counted['queued'], 'job')} still waited when the run ended."


def database(figures: Figures) -> Judgement:
    connections = figures["connections"]
    if connections["refused"]:
        full = connections["exhausted_s"]
        length = f", and had no slot free for {words.duration(full)}" if full else ""
        refused = plural(connections["refused"], "connection")
        yield False, f"The database refused {refused}{length}."
