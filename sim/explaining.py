"""`sim explain`: finds what a word names, and says what that assumes."""

from __future__ import annotations

import os

from sim.assumptions import constants
from sim.platforms import docstring, layers, load, named, names, not_a_platform, refresh
from sim.report import explain as text
from sim.settable import by_hand, everywhere, of_platform, of_stack
from sim.spec.facts import Setting
from sim.spec.fields import InputError
from sim.spec.loader import STACK_FOLDERS, list_scenarios, list_stacks, load_scenario
from sim.spec.validate import closest


def about(subject: str) -> str:
    """The text about a scenario, a stack, a platform, a constant, or the first word of some.

    Raises `InputError`, with the nearest name, for anything else."""
    refresh()
    if subject.endswith(".py"):
        (subject,) = named([subject])
    if subject in names():
        doc = docstring(subject)
        return text.platform(subject, doc, load(subject), _constants(subject), layers(subject))
    known = {fact.name: fact for fact in constants(names())}
    matching = [fact for name, fact in known.items() if f"{name}.".startswith(f"{subject}.")]
    if matching:
        paths = everywhere()
        return text.facts({f.name: paths.get(f.name) or [Setting(f)] for f in matching})
    is_path = os.sep in subject or subject.endswith((".yaml", ".yml"))
    if is_path or subject.partition(":")[0] in list_scenarios():
        found = load_scenario(subject)
        return text.scenario(found, _stack_text(found.stack))
    if subject in list_stacks():
        return _stack_text(subject)
    not_a_platform(subject)
    families = {name.partition(".")[0] for name in known}
    everything = [*list_scenarios(), *list_stacks(), *names(), *known, *families]
    raise InputError(
        found=f"nothing to explain named {subject!r}",
        expected="a scenario, stack or platform (see `sim list`), a constant, or one of "
        + ", ".join(sorted(families)),
        nearest=closest(subject, everything),
    )


def _constants(platform: str) -> dict[str, list[Setting]]:
    """What it uses, in three lists; a fourth for what people build where it has nothing."""
    own, stack = of_platform(platform), of_stack(platform)
    return {
        "constants of the platform (`--set PATH=VALUE` changes one)": [s for s in own if s.path],
        "constants that nobody can change": [s for s in own if not s.path],
        "constants of the services, as far as they are read here (also by the service's name)": [
            s for s in stack if s.path.startswith("stack.services.")
        ],
        "constants of the people": [s for s in stack if s.path.startswith("stack.operator.")],
        "constants of HAProxy, if the operator builds one": by_hand(platform),
    }


def _stack_text(name: str) -> str:
    """The stack's own file: its comments say where each number comes from."""
    files = (folder / f"{name}.yaml" for folder in STACK_FOLDERS)
    return next(path.read_text(encoding="utf-8") for path in files if path.is_file())
