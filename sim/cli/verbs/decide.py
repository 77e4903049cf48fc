"""`sim decide`: do we need it?"""

from __future__ import annotations

from pathlib import Path

from sim.cli.options import AS_USUAL, INTERRUPTED, REPORTS, Drawn, Json, StudyOf, Whole, say
from sim.schema.fields import InputError


def decide(
    *,
    options: StudyOf = AS_USUAL,
    now: str = "compose",
    rates: Path | None = None,
    sale: float = 0.0,
    down_hour: float = 0.0,
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
    reps
        Incidents of each kind, spread over the hours of a day.
    out
        Folder for decision.html, decision.md, decision.json, decision.csv and decision.png.
    """
    from sim.cli.console import spoken  # noqa: PLC0415
    from sim.cli.delivery import reported  # noqa: PLC0415
    from sim.study.ask import Ask  # noqa: PLC0415
    from sim.study.decision.advice import verdict  # noqa: PLC0415
    from sim.study.decision.decision import measure, prepare  # noqa: PLC0415
    from sim.study.decision.decision_text import PAGE  # noqa: PLC0415
    from sim.study.decision.worth import Terms  # noqa: PLC0415
    from sim.study.quarter.rates import RATES, load_rates  # noqa: PLC0415

    for option, price in (("--sale", sale), ("--down-hour", down_hour)):
        if not 0.0 <= price < float("inf"):
            expected = "US dollars, at least 0"
            raise InputError(field=option, found=f"{price:g}", expected=expected)
    decision = prepare(Ask(**options.of(""), reps=reps), load_rates(rates or RATES), now)
    decision = decision._replace(rates_file="" if rates is None else str(rates))
    terms = Terms(decision.stack.prices.work_hour, down_hour, sale)
    try:
        return reported(
            PAGE, lambda run: verdict(measure(decision, run), terms), spoken(options), out, json,
            plots,
        )  # fmt: skip
    except KeyboardInterrupt:
        store = options.store
        kept = f"what was finished is in {store}" if store else "nothing was kept (--store)"
        return say(f"interrupted: {kept}", INTERRUPTED)
