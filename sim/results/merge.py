"""Two results of one plan as one: what several machines, or several evenings, have run.

The union by (platform, seed), in an order of its own (platforms by name, seeds upwards), so that
the same replications give the same bytes however they came together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import groupby
from typing import TypeVar

from sim.constants.facts import Held
from sim.results.counterfactual import Counterfactual
from sim.results.measurements import Measurements
from sim.results.spread import one_whole
from sim.results.summary import Replication
from sim.schema.fields import InputError

M = TypeVar("M", bound=Measurements)
Changes = Mapping[str, tuple[Counterfactual, ...]]
SAME = (  # what a plan decides; the plan's key covers it where there is one
    "plan", "scenario", "title", "lesson", "stack", "horizon_s", "version", "asked", "slo",
)  # fmt: skip


def merged(a: M, b: M) -> M:
    """Raises `InputError` for results of different plans, and for one seed with two outcomes."""
    for name in SAME:
        if getattr(a, name) != getattr(b, name):
            found = f"another {name.removesuffix('_s')}: {getattr(b, name)!r:.60}"
            expected = f"a result of the same plan: {getattr(a, name)!r:.60}"
            raise InputError(field="merge", found=found, expected=expected)
    platforms = sorted({*a.replications, *b.replications})
    replications = {
        name: one_whole(union(a.replications.get(name, ()), b.replications.get(name, ())))
        for name in platforms
    }
    choices = {**a.choices, **b.choices}
    first, second = sorted((a, b), key=lambda one: (one.told, one.preset, repr(one.traffic)))
    return replace(
        first,
        seed=min(a.seed, b.seed),
        reps=max(map(len, replications.values())),
        replications=replications,
        interrupted=a.interrupted or b.interrupted,
        command=a.command if a.command == b.command else "",
        ladder=a.ladder if a.ladder == b.ladder else None,
        ended=a.ended if a.ended == b.ended else "",
        versions=_versions(a.versions, b.versions),
        choices={name: choices[name] for name in platforms if name in choices},
        facts=a.facts if a.facts == b.facts else _facts((*a.facts, *b.facts)),
        assumed=tuple(dict.fromkeys((*first.assumed, *second.assumed))),
        ignored=tuple(dict.fromkeys((*first.ignored, *second.ignored))),
        counterfactuals=_counterfactuals(a.counterfactuals, b.counterfactuals, platforms),
    )


def union(a: Iterable[Replication], b: Iterable[Replication]) -> tuple[Replication, ...]:
    """Of one platform, by seed; the whole run stays where one of them has it."""
    by_seed: dict[int, Replication] = {}
    for replication in (*a, *b):
        first = by_seed.setdefault(replication.seed, replication)
        if first.figures != replication.figures:
            seed = f"{replication.platform}, seed {replication.seed}"
            expected = "the same outcome of the same seed"
            raise InputError(field="merge", found=f"two outcomes of {seed}", expected=expected)
        if (first.run is None, first.engine) > (replication.run is None, replication.engine):
            by_seed[replication.seed] = replication
    return tuple(by_seed[seed] for seed in sorted(by_seed))


def _versions(
    a: tuple[tuple[str, str], ...], b: tuple[tuple[str, str], ...]
) -> tuple[tuple[str, str], ...]:
    """Of each name all that took part: `3.11.4, 3.12.1`."""
    by_name: dict[str, set[str]] = {}
    for name, text in (*a, *b):
        by_name.setdefault(name, set()).update(text.split(", "))
    return tuple((name, ", ".join(sorted(texts))) for name, texts in by_name.items())


def _facts(held: Iterable[Held]) -> tuple[Held, ...]:
    """Each constant and value once, with all paths where it stands."""

    def key(fact: Held) -> tuple[str, str]:
        return fact.fact.name, repr(fact.value)

    facts = []
    for _, group in groupby(sorted(held, key=key), key):
        same = list(group)
        paths = tuple(sorted({path for fact in same for path in fact.paths}))
        facts.append(same[0]._replace(paths=paths))
    return tuple(facts)


def _counterfactuals(
    a: Changes | None, b: Changes | None, platforms: Iterable[str]
) -> dict[str, tuple[Counterfactual, ...]] | None:
    """By platform; a change that was tried with some of the seeds counts on those."""
    if a is None and b is None:
        return None
    by_platform: dict[str, tuple[Counterfactual, ...]] = {}
    for name in platforms:
        changes: dict[tuple[str, tuple[str, ...]], Counterfactual] = {}
        for change in (*(a or {}).get(name, ()), *(b or {}).get(name, ())):
            first = changes.get((change.name, change.settings))
            runs = union(() if first is None else first.replications, change.replications)
            changes[change.name, change.settings] = change._replace(replications=runs)
        if changes:
            by_platform[name] = tuple(changes[which] for which in sorted(changes))
    return by_platform
