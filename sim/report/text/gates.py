"""What was expected and checked, and whether it held: a table for people, JUnit XML for CI."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from sim.report.text import words
from sim.report.text.columns import aligned
from sim.results.expectations import Judgement
from sim.results.measurements import Measurements

HEADS = ("", "expected", "platform", "value", "margin")


class Gate(NamedTuple):
    """One thing that may fail a build."""

    name: str
    group: str  # expectation, claim, SLO
    holds: bool
    failure: str  # said where it does not


def table(judgements: Sequence[Judgement]) -> str:
    """A line each, those that failed first; empty where nothing was expected."""
    if not judgements:
        return ""
    rows = [HEADS, *(_row(each) for each in sorted(judgements, key=lambda each: each.holds))]
    return "\n".join(aligned(rows)) + "\n\n"


def _row(judgement: Judgement) -> tuple[str, ...]:
    metric, margin = judgement.expectation.metric, judgement.margin
    beyond = "" if margin is None else words.figure(metric, abs(margin))
    return (
        "holds" if judgement.holds else "FAILS",
        judgement.expectation.text,
        judgement.platform,
        words.figure(metric, judgement.value),
        beyond if judgement.holds or not beyond else f"{beyond} beyond",
    )


def expected(judgements: Sequence[Judgement]) -> list[Gate]:
    gates = []
    for each in judgements:
        name = f"{each.platform}: {each.expectation.text}"
        value = "nothing" if each.value is None else f"{each.value:g}"
        gates.append(Gate(name, "expectation", each.holds, f"{name}: measured {value}"))
    return gates


def checks(result: Measurements) -> list[Gate]:
    """The article's claims and the SLO of each platform."""
    gates = [
        Gate(
            f"{row['platform']}: {row['id']}", "claim", row["holds"],
            f"claim {row['id']} does not hold: {row['platform']}.{row['metric']} is "
            f"{row['measured']}",
        )
        for row in result.summary["claims"]
    ]  # fmt: skip
    for name, replications in result.replications.items():
        holds = all(done.slo_held for done in replications)
        gates.append(Gate(f"{name}: SLO", "SLO", holds, f"the SLO does not hold under {name}"))
    return gates


def junit(suite: str, gates: Sequence[Gate]) -> str:
    """JUnit XML as CI servers read it: a test case a gate."""
    failed = sum(not gate.holds for gate in gates)
    counts = {"name": suite, "tests": str(len(gates)), "failures": str(failed)}
    root = Element("testsuites")
    cases = SubElement(root, "testsuite", counts)
    for gate in gates:
        case = SubElement(cases, "testcase", {"classname": gate.group, "name": gate.name})
        if not gate.holds:
            SubElement(case, "failure", {"message": gate.failure})
    indent(root)
    text: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return text.decode() + "\n"
