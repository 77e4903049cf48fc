"""`sim audit`: what breaks my stack."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from sim.cli.options import AS_USUAL, REPORTS, Json, Platforms, StudyOf, Whole


def audit(
    *,
    options: StudyOf = AS_USUAL,
    scenario: str = "container_crash",
    platform: Platforms = None,
    faults: Path | None = None,
    reps: Whole = 1,
    out: Path = REPORTS / "audit",
    json: Json = False,
) -> int:
    """Put each single fault and each pair on a stack, and rank them by users hurt.

    Parameters
    ----------
    scenario
        Whose traffic, SLO and horizon; its events do not happen.
    faults
        YAML file of faults [default: sim/study/decision/faults.yaml].
    reps
        Replications of each set, with seeds counting up.
    out
        Folder for audit.md, audit.csv and audit.json.
    """
    from sim.cli.console import spoken  # noqa: PLC0415
    from sim.cli.delivery import reported  # noqa: PLC0415
    from sim.study.ask import Ask  # noqa: PLC0415
    from sim.study.decision import audit as study  # noqa: PLC0415

    ask = Ask(**options.of(scenario, platform), reps=reps)
    audit = study.prepare(ask, study.faults(faults or study.FILE))
    return reported(study.PAGE, partial(study.measure, audit), spoken(options), out, json)
