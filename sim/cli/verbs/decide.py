"""`sim decide`: do we need it?"""

from __future__ import annotations

from pathlib import Path

from sim.cli.options import AS_USUAL, INTERRUPTED, REPORTS, Drawn, Json, StudyOf, Whole, say


def decide(
    *,
    options: StudyOf = AS_USUAL,
    now: str = "compose",
    rates: Path | None = None,
    sale: float = 0.0,
    down_hour: float = 0.0,
    follow_up: str = "",
    deploys: float | None = None,
    reps: Whole = 4,
    out: Path = REPORTS / "decide",
    json: Json = False,
    plots: Drawn = True,
) -> int:
    """Say whether an orchestrator pays: my stack, a year of incidents, set-ups side by side.

    Parameters
    ----------
    now
        The platform that it runs on today.
    rates
        YAML file of what happens how often [default: sim/study/quarter/rates.yaml].
    sale
        US dollars that a lost request costs.
    down_hour
        US dollars that an hour down costs.
    follow_up
        What an incident takes people in all, its post-mortem and repairs among it, such as 90m
        [default: of --rates, 6h].
    deploys
        How often you deploy, a week [default: of --rates, 3].
    reps
        Incidents of each kind, spread over the hours of a day.
    out
        Folder for decision.html, decision.md, decision.json, decision.csv and decision.png.
    """
    from sim.cli.console import spoken  # noqa: PLC0415
    from sim.cli.delivery import reported  # noqa: PLC0415
    from sim.study.ask import Ask  # noqa: PLC0415
    from sim.study.decision.advice import verdict  # noqa: PLC0415
    from sim.study.decision.answers import prospects, terms  # noqa: PLC0415
    from sim.study.decision.decision import measure  # noqa: PLC0415
    from sim.study.decision.decision_text import PAGE  # noqa: PLC0415

    ask = Ask(**options.of(""), reps=reps)
    checked = terms(0.0, down_hour, sale)
    decision = prospects(ask, now, rates, follow_up, deploys)
    told = checked._replace(work_hour=decision.stack.prices.work_hour)
    try:
        return reported(
            PAGE, lambda run: verdict(measure(decision, run), told), spoken(options), out, json,
            plots,
        )  # fmt: skip
    except KeyboardInterrupt:
        store = options.store
        kept = f"what was finished is in {store}" if store else "nothing was kept (--store)"
        return say(f"interrupted: {kept}", INTERRUPTED)
