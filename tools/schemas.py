"""What is made of the records, made again: the page of all fields, the two schemas, and the first
line of each file that comes with the program.

    python -m tools.schemas
"""

from __future__ import annotations

import json
from pathlib import Path

from sim.library.files import FOLDERS, MODELINE
from sim.schema.reference import json_schema, page
from sim.schema.scenario import Scenario
from sim.schema.stack import Stack

ROOT = Path(__file__).resolve().parents[1]
SCHEMAS = {
    ROOT / "scenarios" / "scenario.schema.json": Scenario,
    ROOT / "sim" / "stacks" / "stack.schema.json": Stack,
}
BESIDE = {
    "scenario": "scenario.schema.json",
    "incident": "../scenario.schema.json",
    "stack": "stack.schema.json",
}


def main() -> None:
    """Write what has changed."""
    reference = page([("A scenario", Scenario), ("A stack", Stack)])
    (ROOT / "docs" / "reference.md").write_text(reference, encoding="utf-8")
    for path, record in SCHEMAS.items():
        text = json.dumps(json_schema(record), indent=2, ensure_ascii=False)
        path.write_text(f"{text}\n", encoding="utf-8")
    for kind, folders in FOLDERS.items():
        for path in (path for folder in folders for path in folder.glob("*.yaml")):
            text = path.read_text(encoding="utf-8")
            if not text.startswith(MODELINE):
                path.write_text(f"{MODELINE}{BESIDE[kind]}\n{text}", encoding="utf-8")


if __name__ == "__main__":
    main()
