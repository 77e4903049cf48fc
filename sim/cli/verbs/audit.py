"""`sim audit`: what breaks my stack."""

from __future__ import annotations

from pathlib import Path

from sim.cli.options import REPORTS, Flag, OwnOf, Reps, Seed, SetOf, SiteOf, asked_of


def audit(
    *,
    own: OwnOf = None,
    scenario: str = "container_crash",
    traffic: str | None = None,
    platform: str | None = None,
    faults: Path | None = None,
    seed: Seed = 1,
    reps: Reps = 1,
    settings: SetOf = None,
    out: Path = REPORTS / "audit",
    json: Flag = False,
    site: SiteOf = None,
) -> int:
    """Put each single fault and each pair on a stack, and rank them by users hurt.

    Parameters
    ----------
    scenario
        Whose traffic, SLO and horizon; its events do not happen.
    traffic
        CSV file of arrivals, or an access log, in place of the scenario's.
    platform
        Names or ./files.py, separated by commas, or `all` [default: the scenario's own].
    faults
        YAML file of faults [default: sim/study/decision/faults.yaml].
    out
        Folder for audit.md, audit.csv and audit.json.
    json
        Print audit.json and nothing else on standard output.
    """
    from sim.cli.console import spoken  # noqa: PLC0415
    from sim.cli.studies import reported  # noqa: PLC0415
    from sim.study.ask import Ask  # noqa: PLC0415
    from sim.study.decision import audit as study  # noqa: PLC0415
    from sim.study.decision.audit_text import PAGE  # noqa: PLC0415

    ask = Ask(**asked_of(own, scenario, platform, settings), seed=seed, reps=reps, traffic=traffic)
    listed = study.faults(faults or study.FILE)
    runs = study.prepare(ask, listed)
    return reported(PAGE, lambda run: study.measure(runs, listed, run), spoken(site), out, json)
