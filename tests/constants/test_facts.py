"""No constant of a real system changes by a slip: each is compared with what it was when somebody
last looked at its source (tests/data/constants.csv)."""

from __future__ import annotations

from sim.constants.catalogue import constants
from tests.constants.record import recorded, row

FACTS = {fact.name: fact for fact in constants()}
ACCEPT = "if the source says so, write the table anew: python -m tests.constants.record"


def test_a_constant_is_what_it_was_when_its_source_was_read() -> None:
    known = recorded()
    changed = [
        f"{name} was {' '.join(known[name][1:])} and is {' '.join(row(fact)[1:])}; "
        f"review it against its source ({fact.source})"
        for name, fact in FACTS.items()
        if name in known and row(fact) != known[name]
    ]
    new = [
        f"{f.name} is new: {f.value} {f.unit} ({f.source})"
        for n, f in FACTS.items()
        if n not in known
    ]
    gone = [f"{name} is gone: was it replaced, and where?" for name in known if name not in FACTS]
    assert not [*changed, *new, *gone], "\n".join([*changed, *new, *gone, ACCEPT])


def test_every_constant_says_what_it_is_and_has_a_source() -> None:
    assert not [fact.name for fact in FACTS.values() if not (fact.says and len(fact.source) > 5)]
