"""What an audit says: the smallest set that breaks the SLO and its cure, a sentence a platform,
then the sets that hurt most."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sim.report.study_page import Lay, StudyPage, spoken, titled
from sim.report.text import words
from sim.report.text.columns import Cells
from sim.results.summary import mean_total
from sim.study.decision.audit import Audit, Cure, FaultSet

SHOWN = 15


def finding(audit: Audit, platform: str) -> str:
    """The smallest set that breaks the SLO, and what cures it."""
    who, breaking = words.platform(platform), audit.smallest(platform)
    if not breaking:
        return f"{who}: no fault and no pair of faults that was tried breaks the SLO."
    first = breaking[0]
    more = f" (so do {len(breaking) - 1} other{'s' if len(breaking) > 2 else ''})"
    sentence = (
        f"{who}: {_names(first)} breaks the SLO, {words.count(round(first.failed))} failed requests"
        f"{more if len(breaking) > 1 else ''}"
    )
    cure = audit.cures.get(platform)
    return f"{sentence}. {_cure(cure)}" if cure is not None else f"{sentence}."


def _cure(cure: Cure) -> str:
    if cure.change is None:
        return "Nothing that was tried helps."
    says = cure.change.change.says
    gain = cure.change.gains["requests.failed"].mean
    verb = "cures it" if cure.cured else "helps most and does not cure it"
    settings = ", ".join(cure.change.change.settings)
    return f"{says[:1].upper()}{says[1:]} {verb}: {words.count(round(gain))} fewer ({settings})."


def _names(trouble: FaultSet) -> str:
    return ", then ".join(trouble.names)


def pairs(audit: Audit, platform: str) -> str:
    """Those of which neither part breaks it alone."""
    found = audit.together(platform)
    if not found:
        return f"{words.platform(platform)}: no pair breaks it whose parts do not."
    first = "; ".join(f"{_names(t)} ({_after(t.worst)})" for t in found[:3])
    more = f" and {len(found) - 3} more" if len(found) > 3 else ""
    return f"{words.platform(platform)}: together only: {first}{more}."


def _after(phase: float) -> str:
    return "at once" if phase == 0.0 else f"after {words.duration(phase)}"


def table(audit: Audit, most: int | None = None) -> Cells:
    rows: list[Sequence[str]] = [("faults", "worst", "platform", "failed", "down", "SLO")]
    for each in audit.troubles[:most]:
        down_s = mean_total(each.phases[each.worst], "downtime_s")
        rows.append((
            _names(each), _after(each.worst), words.platform(each.platform),
            words.count(round(each.failed)), words.duration(down_s),
            "broken" if each.breaks else "holds",
        ))  # fmt: skip
    return rows


def _lines(audit: Audit, lay: Lay, most: int | None) -> Iterator[str]:
    for name in audit.planned.platforms:
        yield finding(audit, name)
        yield pairs(audit, name)
        yield ""
    yield from lay(table(audit, most))
    yield ""
    if most is not None and len(audit.troubles) > most:
        yield f"... and {len(audit.troubles) - most} more in audit.md"
    if audit.interrupted:
        yield "Interrupted: this is what was finished."
    yield from (f"Not tried: {line}" for line in audit.left_out)
    runs = sum(len(done) for each in audit.troubles for done in each.phases.values())
    whose = f"{audit.planned.name}'s traffic without its events"
    yield f"{runs} runs of {whose}, the worst first by failed requests."


def rows(audit: Audit) -> list[dict[str, Any]]:
    """A record a set, platform and phase."""
    return [
        {
            "faults": " + ".join(each.names), "platform": each.platform, "phase_s": phase,
            "failed": mean_total(runs, "requests.failed"),
            "downtime_s": mean_total(runs, "downtime_s"),
            "slo_held": sum(r.slo_held for r in runs) / len(runs),
        }
        for each in audit.troubles
        for phase, runs in each.phases.items()
    ]  # fmt: skip


def record(audit: Audit) -> dict[str, Any]:
    return {
        "stack": audit.planned.stack.name,
        "findings": {name: finding(audit, name) for name in audit.planned.platforms},
        "together": {
            name: [list(each.names) for each in audit.together(name)]
            for name in audit.planned.platforms
        },
        "cures": {
            name: {
                "faults": list(cure.trouble.names), "cured": cure.cured,
                "settings": list(cure.change.change.settings) if cure.change else [],
            }
            for name, cure in audit.cures.items()
        },
        "runs": rows(audit),
        "left_out": list(audit.left_out),
    }  # fmt: skip


def _title(audit: Audit) -> str:
    return f"What breaks {audit.planned.stack.name}"


PAGE: StudyPage[Audit] = StudyPage(
    "audit", spoken(_lines, SHOWN), titled(_title, _lines), record, {"audit.csv": rows}
)
