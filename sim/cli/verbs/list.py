"""`sim list`: what there is to run."""

from __future__ import annotations

import json as json_
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import zip_longest
from textwrap import wrap
from typing import Literal

from sim.cli.options import AS_GUESSED, DONE, Flag, ReadingOf, StackOf, say
from sim.schema.fields import InputError

COLUMNS = 100
FITS = "fits"


def list_(
    what: Literal["scenarios", "incidents", "platforms", "stacks"] | None = None,
    /,
    *,
    stack: StackOf = None,
    reading: ReadingOf = AS_GUESSED,
    json: Flag = False,
) -> int:
    """List what there is to run; of your own stack what fits it, and the one reason why not.

    Parameters
    ----------
    what
        Only scenarios, incidents (outages of the public record), platforms or stacks.
    json
        Print a JSON object of lists instead.
    """
    from sim.library.scenarios import list_incidents, list_scenarios  # noqa: PLC0415
    from sim.library.stacks import list_stacks, load_stack  # noqa: PLC0415

    makers: dict[str, Callable[[], list[dict[str, str]]]] = {
        "scenarios": lambda: _with_variants(list_scenarios()),
        "incidents": lambda: _with_variants(list_incidents()),
        "platforms": _platforms,
        "stacks": lambda: [{"name": n, "title": load_stack(n).title} for n in list_stacks()],
    }
    if stack is not None:
        makers = _fitting(stack, reading)
    listed = {name: make() for name, make in makers.items() if what in (None, name)}
    if json:
        print(json_.dumps(listed, indent=2, ensure_ascii=False))
        return DONE
    if stack is not None:
        from sim.report.text.columns import folded  # noqa: PLC0415

        print("\n".join(folded([_so_many(listed, stack)], then="")))
    for name, every in listed.items():
        print(name)
        rows = every
        if stack is not None:
            fit = [row["name"] for row in every if row["title"] == FITS]
            print("\n".join(folded([f"fit: {', '.join(fit) or 'none'}"], "  ", "    ")))
            rows = [row for row in every if row["title"] != FITS]
        width = max((len(row["name"]) for row in rows), default=0)
        for row in rows:
            lines = wrap(row["title"], max(20, COLUMNS - width - 4)) or [""]
            for head, line in zip_longest([row["name"]], lines, fillvalue=""):
                print(f"  {head:<{width}}  {line}")
    return DONE


def _so_many(listed: Mapping[str, list[dict[str, str]]], stack: str) -> str:
    """`24 of 27 scenarios, 8 of 8 platforms fit. ...`"""
    counts = ", ".join(
        f"{sum(row['title'] == FITS for row in rows)} of {len(rows)} {name}"
        for name, rows in listed.items()
    )
    return f"{counts} fit. `sim list` describes them; `sim run NAME --stack {stack}` runs one."


def _fitting(name: str, reading: ReadingOf) -> dict[str, Callable[[], list[dict[str, str]]]]:
    """Each scenario, and each platform: `fits`, or why not."""
    from sim.library.scenarios import (  # noqa: PLC0415
        list_incidents,
        list_scenarios,
        load_scenario,
    )
    from sim.library.stacks import load_stack  # noqa: PLC0415
    from sim.platforms import names  # noqa: PLC0415
    from sim.simulation.case import Case  # noqa: PLC0415

    stack = load_stack(name, reading.corrections)
    plain = load_scenario("container_crash", stack=stack, run_on=())

    def rows(listed: Sequence[str], attempt: Callable[[str], object]) -> list[dict[str, str]]:
        return [{"name": name, "title": _fits(partial(attempt, name))} for name in listed]

    return {
        "scenarios": lambda: rows(list_scenarios(), partial(load_scenario, stack=stack)),
        "incidents": lambda: rows(list_incidents(), partial(load_scenario, stack=stack)),
        "platforms": lambda: rows(names(), partial(Case.of, plain, stack)),
    }


def _fits(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except InputError as error:
        issue = error.issues[0]
        return f"no: found {issue.found}; expected {issue.expected}"
    return FITS


def _with_variants(names: Sequence[str]) -> list[dict[str, str]]:
    """Each scenario, of an incident with whose it was and when, and its variants."""
    from sim.library.scenarios import load_scenario  # noqa: PLC0415

    rows = []
    for name in names:
        scenario = load_scenario(name, run_on=())
        day = scenario.incident
        whose = f"{day.who}, {day.date}: " if day else ""
        rows.append({"name": name, "title": whose + scenario.title})
        rows += [
            {"name": f"{name}:{word}", "title": variant.says}
            for word, variant in scenario.variants.items()
        ]
    return rows


def _platforms() -> list[dict[str, str]]:
    """What is wrong with a file in `platforms/` is told, and the others are listed."""
    from sim.platforms import headline, misnamed, names  # noqa: PLC0415

    rows, errors = [], misnamed()
    for name in names():
        try:
            rows.append({"name": name, "title": headline(name)})
        except InputError as error:
            errors.append(error)
    for wrong in errors:
        say(str(wrong), DONE)
    return rows
