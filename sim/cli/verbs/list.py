"""`sim list`: what there is to run."""

from __future__ import annotations

import json as json_
from typing import Literal

from sim.cli.options import DONE, Flag, say
from sim.schema.fields import InputError


def list_(
    what: Literal["scenarios", "platforms", "stacks"] | None = None, /, *, json: Flag = False
) -> int:
    """List what there is to run.

    Parameters
    ----------
    what
        Only scenarios, platforms or stacks.
    json
        Print a JSON object of lists instead.
    """
    makers = {"scenarios": _scenarios, "platforms": _platforms, "stacks": _stacks}
    listed = {name: make() for name, make in makers.items() if what in (None, name)}
    if json:
        print(json_.dumps(listed, indent=2, ensure_ascii=False))
        return DONE
    for name, rows in listed.items():
        print(name)
        width = max((len(row["name"]) for row in rows), default=0)
        for row in rows:
            print(f"  {row['name']:<{width}}  {row['title']}")
    return DONE


def _scenarios() -> list[dict[str, str]]:
    from sim.library.scenarios import list_scenarios, load_scenario  # noqa: PLC0415

    rows = []
    for name in list_scenarios():
        scenario = load_scenario(name, run_on=())
        rows.append({"name": name, "title": scenario.title})
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


def _stacks() -> list[dict[str, str]]:
    from sim.library.stacks import list_stacks, load_stack  # noqa: PLC0415

    return [{"name": name, "title": load_stack(name).title} for name in list_stacks()]
