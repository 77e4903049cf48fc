"""`sim explain`: what a scenario, a platform or a constant assumes, in plain lines with sources."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from textwrap import fill, wrap
from typing import Any

from pydantic import BaseModel

from sim.constants.facts import Fact, Setting, fact_of
from sim.report.text import words
from sim.schema import reference
from sim.schema.layers import Layer
from sim.schema.scenario import Scenario
from sim.schema.traffic import Traffic
from sim.study.article.article import ArticleRow

WIDTH = 100


def scenario(it: Scenario, stack: str) -> str:
    """The lesson, the events and the claims, then `stack`: the text of the stack's file, whose
    comments are its sources."""
    return (
        "\n".join([*_folded(_scenario(it)), "", f"the stack, {it.stack}", "", stack.rstrip()])
        + "\n"
    )


def _scenario(scenario: Scenario) -> Iterator[str]:
    yield f"{scenario.name}: {scenario.title}"
    yield ""
    yield fill(scenario.lesson, WIDTH)
    if (day := scenario.incident) is not None:
        yield from ["", f"{day.who}, {day.date}: {day.source}", fill(day.mechanism, WIDTH)]
        yield fill(f"simplified: {day.simplified}", WIDTH)
        yield from (f"set so that the figures of that day come out: {path}" for path in day.fitted)
    yield ""
    yield f"simulated for {words.duration(scenario.horizon)}, under {', '.join(scenario.platforms)}"
    slo = f"SLO: {words.share(scenario.slo.success)} of requests answered well"
    if scenario.slo.latency is not None:
        slo += f" within {words.duration(scenario.slo.latency)}"
    yield f"{slo}; down below {words.share(scenario.slo.down_below)}"
    yield from _traffic(scenario.traffic)
    yield ""
    yield "what happens"
    for event in scenario.events:
        body = getattr(event, event.kind())
        yield f"  {words.clock(event.at)} {event.kind()} {_said(body)}".rstrip()
    if scenario.claims:
        yield ""
        yield "what was published" if scenario.incident else "what the article claims"
    for claim in scenario.claims:
        bounds = words.bounds(claim.metric, claim.low, claim.high)
        yield f"  {claim.id}: {words.platform(claim.platform)}: {claim.says}"
        yield f"    checked as {claim.metric}: {bounds}"
    if scenario.variants:
        yield ""
        yield "variants"
        yield from (
            f"  {scenario.name}:{name}: {one.says}" for name, one in scenario.variants.items()
        )


def _traffic(traffic: Traffic) -> Iterator[str]:
    scale = f", times {traffic.scale:g}" if traffic.scale != 1.0 else ""
    if traffic.rate is not None:
        yield f"traffic: {traffic.rate:g} requests/s{scale}"
    elif traffic.users and traffic.think:
        pause = words.duration(traffic.think.mean)
        yield f"traffic: {traffic.users} users who ask, wait and think ({pause}){scale}"
    elif traffic.trace:
        yield f"traffic: the recording {', '.join(traffic.trace)}{scale}"
    else:
        pause = words.duration(traffic.think.mean) if traffic.think else ""
        whose = f" of users who ask, wait and think ({pause})" if pause else ""
        yield f"traffic{whose}{scale}"
        for point in traffic.points:
            ramp = f", reached over {words.duration(point.ramp)}" if point.ramp else ""
            unit = "requests/s" if point.users is None else "users"
            yield f"  from {words.clock(point.at)}: {point.level:g} {unit}{ramp}"
    client = traffic.client
    patience = f"clients wait {words.duration(client.timeout)}"
    yield f"{patience} and try {client.retries} more times" if client.retries else patience


def platform(
    name: str,
    doc: str,
    choices: Any,
    constants: Mapping[str, Sequence[Setting]],
    layers: Sequence[Layer] = (),
) -> str:
    """The ten choices of a platform (a frozen record each), what it builds on and asks of a stack
    (`layers`, the base first), and the constants behind them, by title of their list."""
    head, _, rest = doc.strip().partition("\n")
    lines = [f"{name}: {head}", rest, "", "the ten choices"]
    for field in fields(choices):
        choice = getattr(choices, field.name)
        said = "left to the operator" if choice is None else _choice(choice)
        lines.append(f"  {field.name.replace('_', ' ')}: {said}")
    lines += list(_layers(layers))
    for title, settings in constants.items():
        first = sorted(settings, key=lambda one: not one.fact.source.startswith("chosen"))
        if settings:
            lines += ["", title, *(f"  {line}" for one in first for line in setting(one))]
    return "\n".join(_folded(lines)) + "\n"


def _layers(layers: Sequence[Layer]) -> Iterator[str]:
    bases = [layer.platform for layer in layers[:-1]]
    if bases:
        yield ""
        yield f"builds on {', '.join(bases)}: what a stack says `on: {bases[-1]}` holds here too,"
        yield f"and so do settings below `{bases[-1]}.`, as far as this platform has the field"
    wishes = [(layer, path, raw) for layer in layers for path, raw in layer.settings.items()]
    if wishes:
        yield ""
        yield "what its own manifests ask of every stack (by role; `--set stack.PATH` changes it)"
    for layer, path, raw in wishes:
        from_base = "" if layer is layers[-1] else f" (from {layer.platform})"
        yield f"  {path} = {_plain(raw)}{from_base}"


def event(name: str, record: type[BaseModel]) -> str:
    """An event of a scenario: what it is, and what each of its fields says."""
    listed = reference.rows(record)
    needed = ", ".join(f"{row.name}: ..." for row in listed if row.required)
    lines = wrap(f"{name}, an event: {reference.summary(record)}", WIDTH)
    lines += ["in a scenario:", "  events:", "    - at: 5m", f"      {name}: {{{needed}}}"]
    for row in listed:
        default = "must be there" if row.required else f"default {row.default}"
        meaning = f": {row.meaning}" if row.meaning else ""
        told = f"{row.name}, {row.kind.words} ({default}){meaning}"
        lines += wrap(told, WIDTH, initial_indent="  ", subsequent_indent="    ")
    return "\n".join(lines) + "\n"


def capability(
    row: ArticleRow, decides: str, mechanisms: Mapping[str, type], platforms: Mapping[str, Any]
) -> str:
    """One of the ten choices: the problem, who fills it with what, and what else could."""
    name = row.capability
    lines = [
        f"{name}: {decides} (one of the ten choices)", "",
        *wrap(f"the article's problem: {row.problem.lower()}. Compose: {row.compose}. "
              f"Kubernetes: {row.kubernetes}.", WIDTH),
        f"see it: sim run {row.scenario} --ablate {name}", "",
        "what the platforms have",
    ]  # fmt: skip
    for platform, choice in platforms.items():
        said = "nothing: left to the operator" if choice is None else _choice(choice)
        lines += wrap(f"{platform}: {said}", WIDTH, initial_indent="  ", subsequent_indent="    ")
    lines += ["", f"mechanisms: --set PLATFORM.{name}=NAME (null takes it away)"]
    for mechanism, record in mechanisms.items():
        told = f"{mechanism} ({_home(record)}): {_summary(record)}"
        lines += wrap(told, WIDTH, initial_indent="  ", subsequent_indent="    ")
    return "\n".join([*lines, "", "`sim explain MECHANISM` says more of one"]) + "\n"


def mechanism(fills: str, record: type, users: Sequence[str]) -> str:
    """One mechanism: what it does, where it is, its parameters with their defaults."""
    doc = " ".join((record.__doc__ or "").split())
    lines = [*wrap(f"{record.__name__}, a mechanism of {fills}: {doc}", WIDTH)]
    lines += [f"its home: {_home(record)}", f"platforms that have it: {', '.join(users) or 'none'}"]
    parameters = fields(record) if is_dataclass(record) else ()
    for one in parameters:
        known = fact_of(record, one.name)
        default = getattr(record, one.name, None) if known is None else known.value
        told = f"  --set PLATFORM.{fills}.{one.name}: {_plain(default)}"
        lines.append(f"{told} {known.unit}: {known.says}" if known is not None else told)
    return "\n".join(_folded(lines)) + "\n"


def _home(record: type) -> str:
    return f"{record.__module__.replace('.', '/')}.py"


def _summary(record: type) -> str:
    """The first sentence of its docstring."""
    doc = " ".join((record.__doc__ or "").split())
    return doc.partition(". ")[0].rstrip(".")


def fact(it: Fact[Any]) -> list[str]:
    """One constant, two lines: name, value and meaning; then its source."""
    value = f"{it.value} {it.unit}".rstrip()
    return [f"{it.name} = {value}: {it.says}", f"    source: {it.source}"]


def setting(row: Setting) -> list[str]:
    """One constant as it stands on a platform: the path that changes it, value and meaning; then
    its name, and where that is written."""
    known, value = row.fact, f"{_plain(row.value)} {row.fact.unit}".rstrip()
    if not row.path:
        return [*fact(known), *([f"    fixed: {known.fixed}"] if known.fixed else [])]
    other = "" if row.value == known.value else f" (upstream: {_plain(known.value)})"
    return [f"{row.path} = {value}{other}: {known.says}", f"    {known.name}; {known.source}"]


def facts(those: Mapping[str, Sequence[Setting]]) -> str:
    """Several constants, each with all the paths that change it."""
    lines: list[str] = []
    for settings in those.values():
        constant = settings[0].fact
        lines += fact(constant)
        lines += [f"    fixed: {constant.fixed}"] if constant.fixed else []
        for one in [s for s in settings if s.path]:
            here = "" if one.value == constant.value else f", {_plain(one.value)} there"
            first = f" (after --set {one.first})" if one.first else ""
            lines.append(f"    --set {one.path}=VALUE{first}{here}")
    return "\n".join(_folded(lines)) + "\n"


def _folded(lines: Iterable[str]) -> Iterator[str]:
    """None wider than a terminal; what is folded is indented more than where it began."""
    for line in (part for text in lines for part in text.split("\n")):
        margin = " " * (len(line) - len(line.lstrip(" ")))
        yield from wrap(
            line.lstrip(" "), WIDTH, initial_indent=margin, subsequent_indent=f"{margin}    ",
            break_long_words=False, break_on_hyphens=False,
        ) or [""]  # fmt: skip


def _choice(choice: Any) -> str:
    """A mechanism with its parameters, as its record says them."""
    if not is_dataclass(choice):
        return str(choice)
    parts = ", ".join(f"{f.name} {_plain(getattr(choice, f.name))}" for f in fields(choice))
    return f"{type(choice).__name__}({parts})" if parts else type(choice).__name__


def _said(record: BaseModel) -> str:
    """What a record says beyond its defaults: `rate 5, client (timeout 5.0)`; laws in short."""
    data = record.model_dump(exclude_defaults=True)
    return _mapping(data)


def _mapping(data: dict[str, Any]) -> str:
    return ", ".join(f"{name} {_plain(value)}" for name, value in data.items())


def _plain(value: Any) -> str:
    if isinstance(value, Fact):
        value = value.written
    if is_dataclass(value):
        return _choice(value)
    if isinstance(value, dict):
        if set(value) <= {"law", "mean", "cv"} and isinstance(value.get("mean"), int | float):
            return _law(value)
        return f"({_mapping(value)})"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_plain(one) for one in value)}]"
    return words.plain(value) if isinstance(value, float) else str(value)


def _law(value: dict[str, Any]) -> str:
    """`120 s (lognormal, cv 0.2)`"""
    mean = words.duration(value["mean"])
    law = value.get("law", "constant")
    return mean if law == "constant" else f"{mean} ({law}, cv {value.get('cv', 0.0):.2g})"
