"""The tool that measures a real system: its files fit, and it judges rightly.

The programs themselves (HAProxy, Redis, PostgreSQL) are not in CI; one test starts them where they
are."""

from __future__ import annotations

import asyncio
import re
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

import sim
from tools.real import __main__ as real
from tools.real import machine
from tools.real.experiment import FAULTS, STACK, Alone, alone, case_of, check_of, fault_of
from tools.real.judgement import Figure, row, table, within

RULE, COUNT, TIME = Figure("exact"), Figure("count", slack=0.1), Figure("time", least=0.5)


def test_each_variant_of_its_scenario_is_judged_and_runs() -> None:
    scenario = sim.load_scenario(str(FAULTS), stack=sim.load_stack(STACK))
    assert set(scenario.variants) == set(real.JUDGED)
    for variant in scenario.variants:
        case = case_of(variant)
        kinds = {event.kind() for event in case.scenario.events}
        assert kinds <= {"process_crash", "hang", "lock", "partition"}  # what the tool can do
        assert case.scenario.traffic.rate


@pytest.mark.parametrize(
    ("figure", "measured", "simulated", "expected"),
    [
        (RULE, [27, 27], [27, 27, 27], True),
        (RULE, [27, 27], [27, 27, 28], False),
        (RULE, [25, 25], [27, 27], False),
        (COUNT, [108, 109, 500], [90, 100, 110], True),  # the median decides
        (COUNT, [121, 122, 123], [90, 100, 110], False),  # 110 and a tenth of 100
        (COUNT, [79, 79, 100], [90, 100, 110], False),
        (TIME, [2.4], [2.0, 2.9], True),
        (TIME, [1.6], [2.0, 2.9], True),
        (TIME, [3.5], [2.0, 2.9], False),
        (TIME, [float("nan")], [2.0, 2.9], False),  # it was never seen
    ],
)
def test_what_is_within(
    figure: Figure, measured: list[float], simulated: list[float], expected: bool
) -> None:
    assert within(figure, measured, simulated) is expected


def test_a_row_has_the_median_and_the_mean() -> None:
    line = row("a kill", COUNT, [3, 1, 2], [[2, 4], [2, 0], [5, 5]])  # 0, 0 and 3 less
    assert line == ("a kill", "count", "2 (1-3)", "3 (0-5)", "-1", True)
    assert table([line]).endswith("| a kill | count | 2 (1-3) | 3 (0-5) | -1 | yes |")


def test_the_balancer_is_told_what_the_simulated_one_is() -> None:
    check = check_of(case_of("web_killed_redispatch"))
    text = machine.haproxy_file({"vote": 80}, {"vote": ["127.0.0.1:81", "127.0.0.1:82"]}, check)
    assert "check inter 1000ms fall 3 rise 2" in text
    assert "  option redispatch" in text
    assert "  no option redispatch" in machine.haproxy_file({}, {}, check_of(case_of("quiet")))
    assert re.findall(r"server (\S+) 127\.0\.0\.1:(\d+)", text) == [
        ("vote-1", "81"),
        ("vote-2", "82"),
    ]


def test_what_a_second_machine_and_a_full_core_are_told() -> None:
    stack = case_of("full_core").stack
    assert machine.busy_s(stack.services["vote"]) == 0.025
    assert machine.busy_s(case_of("quiet").stack.services["vote"]) == 0.1
    assert case_of("network_cut").stack.servers.count == 2
    assert fault_of(case_of("network_cut")) == (4.0, 12.0)


def test_who_is_not_root_leaves_out_what_needs_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(real, "possible", lambda: False)
    monkeypatch.setattr("sys.argv", ["real", "--only", "network_cut"])
    assert real.main() == 2
    said = capsys.readouterr().err.splitlines()
    assert said == ["network_cut is left out: it needs root, and `ip` of iproute2"]


def test_a_missing_program_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(name: str) -> str:
        raise machine.Missing(f"{name} is not installed")

    monkeypatch.setattr(machine, "program", missing)
    monkeypatch.setattr("sys.argv", ["real", "--only", "quiet"])
    assert real.main() == 2
    assert capsys.readouterr().err == "initdb is not installed\n"


def measured() -> Alone:
    return asyncio.run(alone(case_of("quiet"), times=3))


@pytest.mark.slow
def test_the_programs_start_answer_and_end() -> None:
    try:
        for name in ("haproxy", "redis-server", "initdb"):
            machine.program(name)
    except machine.Missing as reason:
        pytest.skip(str(reason))
    with ProcessPoolExecutor(1, get_context("spawn")) as fresh:  # which starts others at no cost
        base = fresh.submit(measured).result()
    assert all(0 < value < machine.READY_S for value in base)
