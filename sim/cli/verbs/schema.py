"""`sim schema`: what may stand in a file, for editors and for people."""

from __future__ import annotations

import json
from typing import Literal

from sim.cli.options import DONE


def schema(what: Literal["scenario", "stack", "reference", "columns"] = "scenario", /) -> int:
    """Print what may stand in a file: a JSON Schema, or the page of all fields.

    Parameters
    ----------
    what
        scenario or stack: a JSON Schema for an editor's YAML language server; reference: every
        field, event, unit and default as Markdown; columns: what each column of a result means.
    """
    from sim.results import columns  # noqa: PLC0415
    from sim.schema.reference import json_schema, page  # noqa: PLC0415
    from sim.schema.scenario import Scenario  # noqa: PLC0415
    from sim.schema.stack import Stack  # noqa: PLC0415

    if what == "reference":
        print(page([("A scenario", Scenario), ("A stack", Stack)]), end="")
        return DONE
    if what == "columns":
        print(columns.page(), end="")
        return DONE
    made = json_schema(Scenario if what == "scenario" else Stack)
    print(json.dumps(made, indent=2, ensure_ascii=False))
    return DONE
