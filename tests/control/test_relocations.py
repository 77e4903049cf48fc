"""A file that was written for 0.1.0 is told where the names that it imports stand now."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from sim.control import api
from sim.control.relocations import MOVED, MovedError

PACKAGES = {"sim.spec", "sim.study", "sim.control.faults"}  # what stood in them is looked for
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("old", sorted(MOVED))
def test_each_new_name_is_there(old: str) -> None:
    for new in MOVED[old]:
        assert import_module(new), f"{new}: correct the row of {old} in sim/control/relocations.py"


@pytest.mark.parametrize(
    "old", sorted(set(MOVED) - {"sim.spec", "sim.study", "sim.control.faults"})
)
def test_each_old_name_is_gone_and_leads_to_the_new_ones(old: str) -> None:
    with pytest.raises(MovedError) as raised:
        import_module(old)
    for new in MOVED[old]:
        assert new in str(raised.value)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("from sim.control.balancer import HAProxy", "sim.control.load_balancing.haproxy"),
        ("from sim.control import restarts", "sim.control.self_healing.restarts"),
        ("import sim.spec.stack", "sim.schema.stack"),
        ("from sim.spec import stack", "sim.schema.stack"),
        ("from sim.study import compare", "sim.study.compare is now sim.study.comparison"),
        ("from sim.control.faults import Faults", "sim.control.faults.faults"),
        ("from sim.dataplane.interface import Routing", "sim.dataplane.profile"),
        ("from sim.experiment import run_once", "sim.simulation"),
    ],
)
def test_a_script_gets_the_new_name(line: str, words: str) -> None:
    with pytest.raises(ImportError, match=r"^moved: ") as raised:
        exec(line, {})
    assert words in str(raised.value)


def test_a_script_of_its_own_ends_with_that_line(tmp_path: Path) -> None:
    script = tmp_path / "old.py"
    script.write_text("from sim.control.restarts import start_again\n")
    command = [sys.executable, str(script)]
    env = {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert "moved: sim.control.restarts is now sim.control.self_healing" in last
    assert "(or import it from sim.control.api)" in last


@pytest.mark.parametrize("line", ["from sim.study import nothing", "import sim.nothing"])
def test_what_never_was_there_is_no_move(line: str) -> None:
    with pytest.raises(ImportError) as raised:
        exec(line, {})
    assert not isinstance(raised.value, MovedError)
    assert find_spec("sim.nothing") is None


def test_the_page_has_every_mechanism_that_a_platform_of_ours_has() -> None:
    from sim.platforms import load, names

    kinds = {type(c) for name in names() for c in vars(load(name)).values() if c is not None}
    assert {kind.__name__ for kind in kinds} <= set(vars(api))


def test_the_page_has_every_mechanism_by_name() -> None:
    from sim.control.core.choices import TEN
    from sim.control.mechanisms import mechanisms

    missing = [
        record.__name__
        for capability in TEN
        for record in mechanisms(capability).values()
        if vars(api).get(record.__name__) is not record
    ]
    assert not missing, f"add to sim/control/api.py: {', '.join(missing)}"
