"""`sim quarter`: how much of a week goes into incidents and planned work."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from sim.cli.options import REPORTS, Drawn, Json, SetOf, Whole, names


def quarter(
    *,
    platform: str | None = None,
    seed: Whole = 1,
    reps: Whole = 4,
    rates: Path | None = None,
    settings: SetOf = None,
    out: Path = REPORTS / "quarter",
    json: Json = False,
    plots: Drawn = True,
) -> int:
    """Replay quarters of ordinary incidents and planned work: what share of a week is that?

    Parameters
    ----------
    platform
        Platforms, separated by commas, or `all` [default: compose,kubernetes].
    seed
        Draws the incidents.
    reps
        Quarters, with seeds counting up; figures are means.
    rates
        YAML file of what happens how often [default: sim/study/quarter/rates.yaml].
    out
        Folder for quarter.md, quarter.csv, incidents.csv, quarter.json and quarter.png.
    """
    from sim.cli.console import counted  # noqa: PLC0415
    from sim.cli.delivery import reported  # noqa: PLC0415
    from sim.study.quarter import draw  # noqa: PLC0415
    from sim.study.quarter.rates import RATES, load_rates  # noqa: PLC0415
    from sim.study.quarter.text import PAGE  # noqa: PLC0415

    chosen = draw.PLATFORMS if platform is None else names(platform) or ()
    quarters = draw.prepare(chosen, seed, reps, load_rates(rates or RATES), settings or ())
    for line in quarters.left_out:
        print(f"left out: {line}", file=sys.stderr)
    runner = counted(len(quarters.runs))
    return reported(PAGE, partial(draw.measure, quarters), runner, out, json, plots)
