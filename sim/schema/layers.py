"""The stack as it runs on one platform: what the platform's manifests ask of every stack, the
stack's own `on:` patch for it, the scenario's settings; then checked as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, get_args

from sim.constants.facts import Fact
from sim.schema.fields import InputError, refuse_all
from sim.schema.scenario import Scenario
from sim.schema.settings import PlacedSettings, apply_settings, merged, split_settings
from sim.schema.stack import Role, Stack
from sim.schema.stack_checks import server_issues, stack_issues
from sim.schema.text.document import Document
from sim.schema.text.paths import value_at
from sim.schema.text.validation import Spot


class AtLeast(NamedTuple):
    """A layer's setting that raises a number and never lowers it."""

    value: int

    def over(self, current: Any) -> Any:
        return max(self.value, current or 0)

    def __str__(self) -> str:
        return f"at least {self.value}"


class IfMissing(NamedTuple):
    """A layer's setting for what nobody has set (null)."""

    value: Any

    def over(self, current: Any) -> Any:
        return self.value if current is None else _KEEP

    def __str__(self) -> str:
        return f"{self.value}, where none is set"


_KEEP = object()


class Layer(NamedTuple):
    """What one platform brings to every stack: the `on:` patch of its name, and its own settings.

    `settings`: dotted paths without `stack.`, by role: `services.http.restart` means every service
    of that role, and nothing on a stack without one. A value may be `AtLeast(2)` or
    `IfMissing("512Mi")`, so that it spoils nothing of a stack that asks for more, or a `Fact`.
    `file` is what messages name; `scales`: something there reads a service's `scaling`; `sized`:
    `memory.request` is the size of a task's own machine, and a limit inside may be smaller."""

    platform: str
    settings: Mapping[str, Any] = {}
    file: str = ""
    scales: bool = True
    sized: bool = False


def stack_on(stack: Stack, layers: Sequence[Layer], scenario: Scenario | None = None) -> Stack:
    """The stack as it runs on a platform, checked: what its layers bring (`sim.platforms.layers`),
    then the scenario's mix and its `stack.` settings (those from `--set` among them). Raises
    `InputError`."""
    sources = [PlacedSettings(scenario.set, Document(scenario.name))] if scenario else []
    if scenario and scenario.traffic.mix:
        stack = stack.model_copy(update={"mix": scenario.traffic.mix})
    return patched_stack(stack, layers, sources, Document(stack.name), by_hand=0)


def patched_stack(
    stack: Stack,
    layers: Sequence[Layer],
    sources: Sequence[PlacedSettings],
    blamed: Document,
    by_hand: int = 1,
) -> Stack:
    """The same for settings whose places in files are known. `blamed` is what messages name when
    all of it together does not fit; the last `by_hand` sources are the user's own, which are
    refused where a file's are fitted in."""
    stack, top = layered(stack, layers), layers[-1]
    for i, source in enumerate(sources):
        if i == len(sources) - by_hand:
            stack = within_limits(stack, top.sized)
        own = split_settings(source.settings).stack
        told = apply_settings(stack, own, source.document, source.at, "stack")
        stack = as_new_engines_say(stack, told)
    if by_hand == 0:
        stack = within_limits(stack, top.sized)
    refuse_all(stack_issues(stack, blamed, top.scales, top.sized))
    return stack


def as_new_engines_say(before: Stack, stack: Stack) -> Stack:
    """A queue or a database that is another program from now on: what nobody has set together with
    that is as the new one has it."""
    defaults = {
        f"services.{name}.{field}": value
        for name, service in stack.services.items()
        if service.program and name in before.services
        if service.engine != before.services[name].engine
        for field, value in service.program.defaults.items()
        if getattr(service, field) == getattr(before.services[name], field)
    }
    return apply_settings(stack, defaults, stack.name)


def within_limits(stack: Stack, sized: bool = False) -> Stack:
    """A platform's or a scenario's request is at most the limit in the user's own file, and one
    line says so. `sized`: as in `Layer`."""
    services = dict(stack.services)
    lines = []
    for name, service in stack.services.items():
        update = {}
        for field, unit in (("cpu", "cores"), ("memory", "bytes"))[: 1 if sized else 2]:
            part = getattr(service, field)
            if part.request is not None and part.limit is not None and part.request > part.limit:
                update[field] = part.model_copy(update={"request": part.limit})
                instead = f"{part.limit:g} {unit}, its limit, in place of {part.request:g}"
                lines.append(f"{name}: asks for {instead}")
        services[name] = service.model_copy(update=update) if update else service
    if not lines:
        return stack
    told = {"services": services, "assumed": [*stack.assumed, *lines]}
    return stack.model_copy(update=told)


def check_stack(stack: Stack, document: Document | None = None) -> None:
    """Raise one InputError with everything in a stack that does not fit together, as it stands and
    with each of its `on:` patches."""
    document = document or Document(stack.name)
    issues = list(stack_issues(stack, document))
    for platform in stack.on:
        try:
            patched = layered(stack, [Layer(platform)], document)
        except InputError as error:
            issues += error.issues
        else:
            known = {(issue.found, issue.expected) for issue in issues}
            extra = stack_issues(patched, document)
            issues += [issue for issue in extra if (issue.found, issue.expected) not in known]
    refuse_all(issues)


def check_quota(stack: Stack) -> None:
    """Raise InputError for more servers at second 0 than the provider lends."""
    refuse_all(server_issues(stack, Document(stack.name)))


def layered(stack: Stack, layers: Sequence[Layer], document: Document | None = None) -> Stack:
    """The stack with a platform's layers, what it builds on first; not checked as a whole.

    Of each layer the platform's own settings come first, then the stack's `on:` patch for it: what
    somebody wrote for exactly this platform wins. `document`: where the patches stand."""
    for layer in layers:
        if layer.settings:
            stack = _with_settings(stack, layer)
        patch = stack.on.get(layer.platform)
        if patch:
            spot = Spot(document or Document(stack.name), ("on", layer.platform))
            stack = merged(stack, Stack, patch, spot)
    return stack


def _with_settings(stack: Stack, layer: Layer) -> Stack:
    """A platform's own settings, for all services of each role."""
    document, at = Document(layer.file or layer.platform), ("STACK",)
    for path, raw in layer.settings.items():
        steps = path.split(".")
        paths = [path]
        if steps[0] == "services":
            role: Any = steps[1] if len(steps) > 1 else ""
            if role not in get_args(Role):
                spot = Spot(document, (*at, path))
                found = f"{role!r}, which is no role"
                raise spot.unknown(role, get_args(Role), found)
            playing = stack.playing(role)
            names = [n for n in playing if stack.services[n].is_as_its_role("".join(steps[2:3]))]
            paths = [".".join(("services", name, *steps[2:])) for name in names]
        for place in paths:
            value = raw
            if isinstance(raw, Fact):
                value = raw.written
            elif isinstance(raw, AtLeast | IfMissing):
                value = raw.over(value_at(stack, place.split("."), None))
            if value is not _KEEP:
                stack = apply_settings(stack, {place: value}, document, at)
    return stack
