"""`sim decide`: do we need it?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sim.cli.options import AS_USUAL, INTERRUPTED, REPORTS, Drawn, Json, StudyOf, Whole, say
from sim.schema.fields import InputError, parse_duration

if TYPE_CHECKING:
    from sim.study.quarter.rates import Rates

MOST_DEPLOYS = 1000.0  # a week; chosen: one in ten minutes, day and night


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
    from sim.study.decision.decision import measure, prepare  # noqa: PLC0415
    from sim.study.decision.decision_text import PAGE  # noqa: PLC0415
    from sim.study.decision.worth import Terms  # noqa: PLC0415

    for option, price in (("--sale", sale), ("--down-hour", down_hour)):
        _within(option, price, "US dollars, at least 0", float("inf"))
    _within("--deploys", deploys or 0.0, f"a number a week, 0 to {MOST_DEPLOYS:g}", MOST_DEPLOYS)
    ask = Ask(**options.of(""), reps=reps)
    decision = prepare(ask, _rates(rates, follow_up), now, deploys)
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


def _within(option: str, number: float, expected: str, most: float) -> None:
    if not 0.0 <= number <= most or number == float("inf"):
        raise InputError(field=option, found=f"{number:g}", expected=expected)


def _rates(file: Path | None, follow_up: str) -> Rates:
    from sim.study.quarter.rates import RATES, load_rates  # noqa: PLC0415

    known = load_rates(file or RATES)
    if not follow_up:
        return known
    try:
        told = {"follow_up": parse_duration(follow_up), "follow_up_source": "told"}
        return known.model_copy(update=told)
    except ValueError as error:
        found = repr(follow_up)
        raise InputError(field="--follow-up", found=found, expected=str(error)) from None
