"""`sim cheapest`: the least money a month that holds what you ask for."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from sim.cli.options import AS_USUAL, DONE, NOT_HELD, REPORTS, Json, StudyOf, Whole
from sim.schema.fields import InputError
from sim.schema.text.validation import option

Slo = Annotated[list[str], Parameter(negative="")]


def cheapest(
    *scenarios: str,
    slo: Slo,
    over: Path | None = None,
    chance: float = 0.9,
    propose: Whole = 0,
    platform: str | None = None,
    options: StudyOf = AS_USUAL,
    export: str = "",
    out: Path = REPORTS / "cheapest",
    json: Json = False,
) -> int:
    """Find the cheapest set-up that holds what you ask for: a race, in order of cost.

    Parameters
    ----------
    scenarios
        Names, NAME:VARIANT, or paths to YAML files; it has to hold in each.
    slo
        METRIC<VALUE, e.g. 'availability>=99.9'; may be given several times.
    over
        YAML file of knobs: PATH: LOW..HIGH or [A, B] [default: servers, replicas, restart policy,
        balancer, checks, pool, pooler: what platform and stack have].
    chance
        With which it shall hold on a seed.
    propose
        So many set-ups at most, which an optimiser proposes (extra `optimise`) [default: try all].
    platform
        Platforms to try, separated by commas, or `all` [default: the first scenario's own].
    export
        apply: also the winner as a Compose override or Kubernetes patches, with files of HAProxy
        and PgBouncer.
    out
        Folder for cheapest.md, cheapest.csv and cheapest.json.
    """
    from sim.cli.console import spoken  # noqa: PLC0415
    from sim.cli.delivery import reported  # noqa: PLC0415
    from sim.study.ask import Ask  # noqa: PLC0415
    from sim.study.decision import cheapest as study  # noqa: PLC0415
    from sim.study.decision.cheapest_text import PAGE  # noqa: PLC0415
    from sim.study.decision.knobs import knobs_file  # noqa: PLC0415
    from sim.study.decision.race import Rule  # noqa: PLC0415

    if export not in ("", "apply"):
        raise option("--export").unknown(export, ["apply"], repr(export))
    if not scenarios:
        raise InputError(field="SCENARIO", found="none", expected="one at least; see `sim list`")
    if propose < 0:
        raise InputError(field="--propose", found=str(propose), expected="at least 0, such as 200")
    asks = [Ask(**options.of(scenario, platform)) for scenario in scenarios]
    space = knobs_file(over) if over else ()
    contest = study.prepare(asks, slo, space, Rule(chance), propose)
    return reported(
        PAGE, partial(study.measure, contest), spoken(options), out, json, export == "apply",
        lambda ladder: DONE if ladder.winner else NOT_HELD,
    )  # fmt: skip
