"""`sim explain`: finds what a word names, and says what that assumes."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import get_args

from sim.cli.explanation import text
from sim.constants.catalogue import by_hand, constants, everywhere, of_any_stack, of_platform
from sim.constants.facts import Setting
from sim.control.core.choices import TEN
from sim.control.mechanisms import mechanisms
from sim.library.files import names_of
from sim.library.scenarios import load_scenario
from sim.library.stacks import list_stacks, text_of
from sim.platforms import docstring, layers, load, named, names, not_a_platform, refresh, unasked
from sim.platforms.platform import decides
from sim.schema.fields import InputError, Record
from sim.schema.scenario import Event
from sim.schema.text.validation import closest
from sim.study.article import claims_text as claims
from sim.study.article.article import ARTICLE, ROWS

EVENTS = {
    name: next(part for part in get_args(info.annotation) if issubclass(part, Record))
    for name, info in Event.model_fields.items()
    if name != "at"
}


def about(subject: str) -> str:
    """The text about an event, a scenario, a stack, a platform, one of the ten capabilities, a
    mechanism, a claim of the article, a constant, or the first word of some.

    Raises `InputError`, with the nearest name, for anything else."""
    if subject not in EVENTS:
        return _about_named(subject)
    parts = []
    with suppress(InputError):  # a scenario or constants may have the same name
        parts.append(_about_named(subject))
    return "\n".join([*parts, text.event(subject, EVENTS[subject])])


def _about_named(subject: str) -> str:
    refresh()
    if subject.endswith(".py"):
        (subject,) = named([subject])
    if subject in names():
        doc = docstring(subject)
        return text.platform(subject, doc, load(subject), _constants(subject), layers(subject))
    if _choice(subject) in TEN:
        return _about_capability(_choice(subject))
    claim = next((claim for claim in ARTICLE if claim.id.lower() == subject.lower()), None)
    if claim is not None:
        from sim.study.article.claims import places  # noqa: PLC0415 - reads all scenarios

        return claims.about(claim, places())
    runnable = unasked(subject.partition(".")[0])
    known = {fact.name: fact for fact in constants(runnable)}
    matching = [fact for name, fact in known.items() if f"{name}.".startswith(f"{subject}.")]
    fills = _fills().get(_choice(subject))
    if matching or fills:
        paths = everywhere(runnable)
        settings = {f.name: paths.get(f.name) or [Setting(f)] for f in matching}
        parts = [text.mechanism(*fills, _users(fills[1]))] if fills else []
        return "\n".join([*parts, *([text.facts(settings)] if settings else [])])
    scenarios = names_of("scenario", "incident")
    is_path = os.sep in subject or subject.endswith((".yaml", ".yml"))
    if is_path or subject.partition(":")[0] in scenarios:
        scenario = load_scenario(subject)
        return text.scenario(scenario, text_of(scenario.stack))
    if subject in list_stacks():
        return text_of(subject)
    not_a_platform(subject)
    families = {name.partition(".")[0] for name in known}
    everything = [
        *EVENTS, *scenarios, *list_stacks(), *names(), *known, *families, *TEN, *_fills(),
        *(claim.id for claim in ARTICLE),
    ]  # fmt: skip
    raise InputError(
        found=f"nothing to explain named {subject!r}",
        expected="a scenario, stack or platform (`sim list`), an event, a claim (`sim claims`), "
        f"a capability ({', '.join(TEN)}), a mechanism, or constants by their first word "
        f"({', '.join(sorted(families))})",
        nearest=closest(subject, everything),
    )


# ---- the ten choices ----
def _choice(subject: str) -> str:
    """`self-healing` and `self healing` are `self_healing`."""
    return subject.replace("-", "_").replace(" ", "_")


def _fills() -> dict[str, tuple[str, type]]:
    """Name of each mechanism -> the capability that it fills, and its record."""
    return {name: (ten, record) for ten in TEN for name, record in mechanisms(ten).items()}


def _users(mechanism: type) -> list[str]:
    """The platforms that have it."""
    return [
        name for name in unasked()
        if any(type(getattr(load(name), ten)) is mechanism for ten in TEN)
    ]  # fmt: skip


def _about_capability(name: str) -> str:
    row = next(row for row in ROWS if row.capability == name)
    platforms = {platform: getattr(load(platform), name) for platform in unasked()}
    return text.capability(row, decides(name), mechanisms(name), platforms)


def _constants(platform: str) -> dict[str, list[Setting]]:
    """What it uses, in three lists; a fourth for what people build where it has nothing."""
    own, stack = of_platform(platform), of_any_stack(platform)
    return {
        "constants of the platform (`--set PATH=VALUE` changes one)": [s for s in own if s.path],
        "constants that nobody can change": [s for s in own if not s.path],
        "constants of the services, as far as they are read here (also by the service's name)": [
            s for s in stack if s.path.startswith("stack.services.")
        ],
        "constants of the people": [s for s in stack if s.path.startswith("stack.operator.")],
        "constants of HAProxy, if the operator builds one": by_hand(platform),
    }
