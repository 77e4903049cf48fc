"""The verdict: one sentence with its range, the first line of every report."""

from __future__ import annotations

from statistics import fmean

from sim.report.text import ladder, means, words
from sim.results.expectations import measured
from sim.results.figures import Figures, figure_at, total
from sim.results.ladder import Ladder
from sim.results.measurements import Measurements
from sim.results.preference import Preference

NAMED = 3  # platforms; of more the number says enough


def verdict(result: Measurements, short: bool = False) -> str:
    """`Kubernetes: 4 min 23 s less down than Compose [2:50 .. 7:30 over 10 seeds], for $381 more a
    month, with 12 cores for 4.` Of one platform what users and people saw. `short`: without the
    means, which stand beside it."""
    if len(result.platforms) == 1:
        ((name, figures),) = result.platforms.items()
        return f"{words.platform(name)}: {suffered(figures, result.spread.get(name, {}))}."
    decided = result.decision
    if decided is None:
        return _alike(result)
    if result.ladder is not None and (enough := ladder.enough(result.ladder)):
        return _would_do(result, result.ladder, *enough)
    price = _price(result, decided.better[0], decided.worse) if len(decided.better) == 1 else ""
    return f"{gap(result, decided)}{price}{'' if short else _means(result, decided)}."


def _would_do(result: Measurements, climbed: Ladder, rungs: str, left: float) -> str:
    """`Self-healing would do: 3 min 49 s down [3:01 .. 5:28 over 10 seeds] become 8 s; all of
    Kubernetes comes to 0 s, for $381 more a month.`"""
    metric = climbed.metric
    harm = figure_at(metric).harm
    amount = words.figure(metric, fmean(climbed.values))
    whole = harm.left.format(amount) if harm and harm.left else amount
    bounds = result.spread[climbed.first].get(metric)
    span = words.span(metric, bounds["low"], bounds["high"]) if bounds else ""
    over = f" [{span} over {bounds['seeds']} seeds]" if bounds and span else ""
    end = words.figure(metric, fmean(climbed.rungs[-1].values))
    return (
        f"{rungs[:1].upper()}{rungs[1:]} would do: {whole}{over} become "
        f"{words.figure(metric, left)}; all of {words.platform(climbed.last)} comes to {end}"
        f"{_price(result, climbed.last, climbed.first)}."
    )


def _alike(result: Measurements) -> str:
    down = {
        name: ranged("downtime_s", figures, result.spread.get(name, {}))
        for name, figures in result.platforms.items()
    }
    if len(set(down.values())) == 1:
        many = "each" if len(down) > 2 else "both"
        same = next(iter(down.values()))
        counts = [total(figures, "requests.failed") for figures in result.platforms.values()]
        least, most = round(min(counts)), round(max(counts))
        span = "" if least == most else f"{least:,} to "
        failed = f", with {span}{words.plural(most, 'failed request')}" if most else ""
        alike = f"{many} down {same}{_degraded(result)}{failed}"
        return f"Nothing differs that users, jobs or people would notice: {alike}."
    if len(down) > NAMED:
        return f"No clear difference between {len(down)} platforms."
    sides = ", ".join(f"{words.platform(name)} {text} down" for name, text in down.items())
    return f"No clear difference: {sides}."


def _degraded(result: Measurements) -> str:
    """For how long the SLO was missed where nobody was down at all, if for a minute or more."""
    lengths = sorted(total(figures, "degraded_s") for figures in result.platforms.values())
    if lengths[0] < 60.0 or any(total(f, "downtime_s") for f in result.platforms.values()):
        return ""
    ends = dict.fromkeys(words.figure("degraded_s", each) for each in (lengths[0], lengths[-1]))
    return f", degraded for {' to '.join(ends)}"


def gap(result: Measurements, decided: Preference) -> str:
    """Who has how much less of what than whom, with its range."""
    harm = figure_at(decided.metric).harm
    assert harm is not None
    less = harm.in_words(words.figure(decided.metric, decided.gap), decided.gap == 1)
    values = (total(result.platforms[name], decided.metric) for name in decided.better)
    shown = {words.figure(decided.metric, value) for value in values}
    most_of = "up to " if len(shown) > 1 else ""  # they are as good as the best, not all equal
    who, other = f"{names(decided.better)}: {_as_long(result, decided)}", decided.worse
    text = f"{who}{most_of}{less} than {words.platform(other)}"
    least = total(result.platforms[decided.better[0]], decided.metric)
    span = words.span(decided.metric, decided.low, decided.high)
    if least and len(decided.better) == 1:
        name, most = decided.better[0], total(result.platforms[decided.worse], decided.metric)
        little = ranged(
            decided.metric, result.platforms[name], result.spread.get(name, {}), bool(span)
        )
        text += f" ({little} against {words.figure(decided.metric, most)})"
    if decided.seeds == 1:
        return f"{text} [one seed]"
    if not span:
        return f"{text} [in each of {decided.seeds} seeds]"
    agree = "" if decided.agree == decided.seeds else f", less in {decided.agree}"
    return f"{text} [{span} over {decided.seeds} seeds{agree}]"


def _as_long(result: Measurements, decided: Preference) -> str:
    """Where users are down on both sides and something else decides, that comes first."""
    harm = figure_at("downtime_s").harm
    down = [result.platforms[name]["downtime_s"] for name in (decided.better[0], decided.worse)]
    if harm is None or min(down) < harm.least or abs(down[0] - down[1]) >= harm.least:
        return ""
    return f"as long down ({words.duration(down[0])}), "


def names(platforms: tuple[str, ...]) -> str:
    """`Kubernetes`, `Swarm and Nomad`, `6 platforms`."""
    if len(platforms) > NAMED:
        return f"{len(platforms)} platforms"
    *others, last = map(words.platform, platforms)
    return f"{', '.join(others)} and {last}" if others else last


def _price(result: Measurements, name: str, other: str) -> str:
    month = {side: f["cost"]["usd_month"] for side, f in result.platforms.items()}
    if not month[name]:
        return ""
    more = month[name] - month[other]
    if abs(more) < 1.0:
        return ", at the same price"
    return f", for ${abs(more):,.0f} {'more' if more > 0 else 'less'} a month"


def _means(result: Measurements, decided: Preference) -> str:
    """What else is unequal; that it is not, where somebody asked for that."""
    if len(decided.better) > 1 or not {decided.better[0], decided.worse} <= set(result.means):
        return ""
    differences = means.unequal(result.means[decided.better[0]], result.means[decided.worse])
    return f", with {', '.join(differences)}" if differences else ", with equal means"


def suffered(figures: Figures, spread: dict[str, dict[str, float]]) -> str:
    """What users, jobs and people saw of one platform, each with its range."""
    parts = [f"{ranged('downtime_s', figures, spread)} down"]
    failed = total(figures, "requests.failed")
    parts.append(words.plural(failed, "failed request"))
    undone = figures["jobs"]["never_done"]
    if undone >= 0.05:
        parts.append(f"{words.plural(undone, 'job')} never done")
    minutes = figures["operator"]["minutes"]
    if minutes:
        parts.append(words.plural(max(1, round(minutes)), "operator minute"))
    return ", ".join(parts)


def ranged(
    path: str, figures: Figures, spread: dict[str, dict[str, float]], each: bool = False
) -> str:
    """A figure, causes summed, with its range over seeds, where it has one: `4 min 23 s [2:50 ..
    7:30]`. `each`: that it has none is said, too: `3 s in each seed`."""
    text = words.figure(path, measured(figures, path))
    bounds = spread.get(path)
    span = words.span(path, bounds["low"], bounds["high"]) if bounds else ""
    if not span and each and bounds and bounds["seeds"] > 1:
        return f"{text} in each seed"
    return f"{text} [{span}]" if span else text
