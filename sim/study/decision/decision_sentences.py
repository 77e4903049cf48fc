"""What a decision says: the verdict in a sentence, how sure, what it hangs on and leans on, what
first, where Kubernetes begins to pay, and what only the reader knows."""

from __future__ import annotations

from collections.abc import Callable

from sim.report.text import words
from sim.schema.operator import Operator
from sim.study.decision.advice import Advice, is_torn
from sim.study.decision.decision import deploys_a_week
from sim.study.decision.decision_tables import best, dollars, hours, whole
from sim.study.decision.hinges import PAYS, BreakEven, Hinge, kubernetes
from sim.study.decision.worth import (
    MONTHS,
    SURE,
    Weighed,
    choose,
    harmed,
    other_side,
    seeds,
    weigh,
)
from sim.study.decision.year import expected


def sentence(advice: Advice) -> str:
    """The verdict."""
    now, answer = advice.weighed[0], best(advice)
    down = f"{hours(now.year.down_h)} down a year as it is"
    if advice.sure < SURE:
        return (
            f"Not enough is known: with other seeds the answer changes ({down}, "
            f"{hours(answer.year.down_h)} with {answer.outcome.setup.name}); ask for more (--reps)."
        )
    if is_torn(advice):
        return _torn(advice, answer)
    if not advice.choice.matters:
        return f"It does not matter: {down}, and no set-up saves more than minutes of it."
    unless = _unless(advice)
    if answer is now:
        before = " before" if unless else ""
        return f"Leave it as it is{unless}: {down}, and nothing that was tried pays{before}."
    found = f"{answer.outcome.setup.name} leaves {hours(answer.year.down_h)}"
    saved = f"{down}, {found} for {_more(answer, now)}{_but(answer, now)}"
    if advice.choice.orchestrator:
        return f"{answer.outcome.setup.name} pays{_turned(advice)}: {saved}."
    return f"You do not need an orchestrator{unless}: {saved}."


def _torn(advice: Advice, answer: Weighed) -> str:
    """Where assumptions decide whether an orchestrator pays, and not the runs."""
    other, now = other_side(advice.weighed, advice.choice), advice.weighed[0]
    assert other is not None  # or no assumption could turn it
    turns = [h for h in advice.hinges if h.choice.orchestrator != advice.choice.orchestrator]
    whether = " or ".join(clause(advice, hinge) for hinge in turns[:2])
    as_it_is = f", {hours(now.year.down_h)} as it is" if now not in (answer, other) else ""
    return (
        f"Not enough is known: {answer.outcome.setup.name} is "
        f"{whole(other.money.total - answer.money.total)} a month cheaper than "
        f"{other.outcome.setup.name} ({hours(answer.year.down_h)} and "
        f"{hours(other.year.down_h)} down a year{as_it_is}), and {advice.turns} of {advice.tried} "
        f"assumptions that only you can settle turn that, such as if {whether}."
    )


def _but(best: Weighed, now: Weighed) -> str:
    """What users lose more of by the answer: downtime alone does not tell."""
    said = {"failed": "requests a year fail", "jobs_never_done": "jobs a year are never done"}
    losses = [
        f"{words.count(getattr(best.year, name))} {said[name]}, "
        f"{words.count(getattr(now.year, name))} as it is"
        for name in harmed(best, now)
    ]
    return f"; but {' and '.join(losses)}" if losses else ""


def _unless(advice: Advice) -> str:
    """From which price of an hour down on, where nobody has told one, an orchestrator pays."""
    if advice.terms.priced:
        return ""
    prices = [each.price for each in advice.thresholds if each.weighed.outcome.setup.orchestrator]
    return f" unless an hour down costs you some {dollars(prices[0])} or more" if prices else ""


def _turned(advice: Advice) -> str:
    """The first assumption on which the need of an orchestrator hangs."""
    needless = [h for h in advice.hinges if h.near and not h.choice.orchestrator]
    return f" unless {clause(advice, needless[0])}" if needless else ""


def clause(advice: Advice, hinge: Hinge) -> str:
    """An assumption and the value from which on it turns the answer. A world has no verb of its
    own: `people twice as fast`."""
    if hinge.factor is None:
        says = hinge.about
        for noun in ("people", "requests"):
            says = says.replace(f"{noun} twice", f"{noun} are twice")
            says = says.replace(f"{noun} half", f"{noun} are half")
        return says
    factor, terms = hinge.factor, advice.terms
    beyond = "or more" if factor > 1.0 else "or less"
    times = f"{rounded(factor) if abs(factor - 1.0) >= 0.05 else f'{factor:.4g}'} times"
    deploys = deploys_a_week(advice.decision)
    follow_up_h = advice.decision.rates.follow_up / 3600.0
    units = {
        "rates": f"incidents come {times} as often {beyond}",
        "deploys": f"you deploy {rounded(factor * deploys)} times a week {beyond} "
        f"({rounded(deploys)} now)",
        "follow_up": f"an incident takes {rounded(factor * follow_up_h)} h in all {beyond} "
        f"({follow_up_h:g} h now)",
        "upkeep": f"the upkeep of a set-up is {times} as much {beyond}",
        "migration": f"getting there takes {times} the work {beyond}",
    }
    prices = {
        "work_hour": "an hour of work costs",
        "down_hour": "an hour down costs",
        "sale": "a lost request costs",
    }
    if hinge.about in units:
        return units[hinge.about]
    now = getattr(terms, hinge.about)
    return f"{prices[hinge.about]} {_about(factor * now)} {beyond} ({_about(now)} now)"


def rounded(value: float) -> str:
    """Two digits of it."""
    return f"{float(f'{value:.2g}'):,g}"


def _about(price: float) -> str:
    if price >= 100.0:
        return dollars(price)
    return words.money(price) if price >= 1.0 else f"${rounded(price)}"


def _more(each: Weighed, now: Weighed) -> str:
    """Money without what users' failures cost."""
    dearer = each.money.means - now.money.means
    if not dearer:
        return "the same money"
    return f"{whole(abs(dearer))} {'more' if dearer >= 0 else 'less'} a month"


def sureness(advice: Advice) -> str:
    size = seeds(advice.decision)
    first = (
        f"Confidence: with its {size} incidents of each kind drawn anew the answer is the same "
        f"{advice.sure * 100:.0f} % of the time."
    )
    if is_torn(advice):
        first = (
            f"The runs are not in doubt: with the {size} incidents of each kind drawn anew the "
            f"answer is the same {advice.sure * 100:.0f} % of the time. The assumptions are."
        )
    if size == 1:
        first = "Confidence: unknown from one incident of each kind (--reps)."
    if advice.choice.matters:
        first += (
            " Whether an orchestrator is needed stays the same with "
            f"{advice.tried - advice.turns} of {advice.tried} other values of what is assumed "
            "(half and double)."
        )
    near = [hinge for hinge in advice.hinges if hinge.near]
    if not advice.hinges:
        return f"{first} No other value that was tried, a tenth to ten times, changes it."
    changes = "; ".join(
        f"if {clause(advice, each)}: "
        f"{each.choice.name if each.choice.matters else 'it does not matter'}"
        for each in (near or advice.hinges)[:2]
    )
    if not near:
        return f"{first} No value from half to double changes it; far ones would: {changes}."
    more = f" ({len(near) - 2} more change it)" if len(near) > 2 else ""
    return f"{first} It hangs on: {changes}{more}."


def afterwards(advice: Advice) -> str:
    """How much of the money is the work after incidents, and what would be best without: its
    source is a large company's teams."""
    each_h, terms = advice.decision.rates.follow_up / 3600.0, advice.terms
    now = advice.weighed[0]
    a_month = terms.follow_up * terms.work_hour / MONTHS
    usd = a_month * now.year.follow_up_h
    if not usd:
        return ""
    year = now.outcome.worlds[terms.world]
    deploys = [stream for stream in year if stream.deploys]
    failed = a_month * expected(deploys, terms.rates, deploys=terms.deploys).follow_up_h
    without = terms._replace(follow_up=0.0)
    free = choose(weigh(advice.decision, without), without)
    then = (
        "the answer is the same" if free == advice.choice
        else f"{free.name} costs least" if free.matters else "it does not matter"
    )  # fmt: skip
    ours = ", as at Google" if advice.decision.rates.follow_up_source.startswith("Google") else ""
    return (
        f"Of {whole(now.money.total)} a month as it is {whole(usd)} are people's hours after "
        f"incidents ({each_h:g} h in all for each that somebody is paged for or users see{ours}), "
        f"{whole(failed)} of them after bad deploys, whose bugs are to be found whatever runs "
        f"them. Without all these hours {then}. --follow-up and --deploys say yours."
    )


def paying(advice: Advice) -> list[str]:
    """Where Kubernetes begins to pay."""
    ours = kubernetes(advice.weighed, advice.terms)
    if not advice.break_even or ours is None:
        return ["This stack was not replayed on Kubernetes and without an orchestrator."]
    by_hour, by_request, by_deploys = advice.break_even
    start = f"{ours.outcome.setup.name} costs less than all that is without an orchestrator where"
    sale, now = advice.terms.sale, deploys_a_week(advice.decision)
    price = "your price" if sale else "$1"
    grown = rounded((by_request.value or 0.0) / (sale or 1.0))
    often = _ranged(by_deploys, lambda value: rounded(value * now))
    said = (
        ("the price of an hour", by_hour, f"{PAYS[0]} more than {_ranged(by_hour, _about)}",
         "something without an orchestrator is down as little"),
        ("traffic", by_request, f"{PAYS[1]} more than {_ranged(by_request, _about)}; at {price} "
         f"each from {grown} times this traffic on, if the servers still carry it",
         "something without an orchestrator loses as few requests"),
        ("deploys", by_deploys, f"{PAYS[2]} more than {often} times a week ({rounded(now)} now)",
         f"however often {PAYS[2]}, something without an orchestrator costs less"),
    )  # fmt: skip
    return [
        f"By {what}: never; {never}." if each.value is None else f"By {what}: {start} {pays}."
        for what, each, pays, never in said
    ]


def _ranged(each: BreakEven, said: Callable[[float], str]) -> str:
    """A value with its ranges."""
    if each.value is None:
        return "-"
    spans = []
    if each.low is not None and each.high is not None and said(each.low) != said(each.high):
        spans.append(f"{said(each.low)} .. {said(each.high)} over seeds")
    if each.least is not None:
        most = "never" if each.most is None else said(each.most)
        spans.append(f"{said(each.least)} .. {most} with one assumption at half or double")
    return f"{said(each.value)} ({'; '.join(spans)})" if spans else said(each.value)


def what_first(advice: Advice) -> str:
    """Which set-up takes most away for an hour of work, and which for a dollar."""
    by_work = advice.steps[0]
    free = [step for step in advice.steps if step.per_dollar is None]
    by_money = max(free or advice.steps, key=lambda step: step.per_dollar or step.saved_h)
    each = by_work.per_work_hour
    work = "which takes none" if each is None else f"{hours(each)} a year for each"
    money = (
        f"which is no dearer than as it is and takes away {hours(by_money.saved_h)} a year"
        if by_money.per_dollar is None
        else f"{hours(by_money.per_dollar)} a year for each dollar a month"
    )
    tried = {step.weighed.outcome.setup.name for step in advice.steps}
    idle = [w.outcome.setup.name for w in advice.weighed[1:] if w.outcome.setup.name not in tried]
    nothing = f" Nothing is saved by {', '.join(idle)}." if idle else ""
    return (
        f"Most for an hour of work: {by_work.weighed.outcome.setup.name}, {work}. Most for the "
        f"money: {by_money.weighed.outcome.setup.name}, {money}.{nothing}"
    )


def unknown(advice: Advice) -> list[str]:
    """What only the reader knows, by the option that says it."""
    lines = []
    if not advice.terms.down_hour:
        lines.append("--down-hour USD: what an hour down costs you (not told: not counted)")
    if not advice.terms.sale:
        lines.append("--sale USD: what a lost request costs you (not told: not counted)")
    hour = words.money(advice.terms.work_hour)
    lines.append(f"--set stack.prices.work_hour=USD: what an hour of work costs (now {hour})")
    follow_up_h, now = advice.decision.rates.follow_up / 3600.0, deploys_a_week(advice.decision)
    lines.append(
        f"--follow-up TIME: what an incident takes in all, with its post-mortem and repairs (now "
        f"{follow_up_h:g} h)"
    )
    lines.append(f"--deploys N: how often you deploy, a week (now {rounded(now)})")
    kinds, file = len(advice.decision.rates.kinds), advice.decision.rates_file or "ours"
    lines.append(f"--rates FILE: how often what happens (now {kinds} kinds, {file})")
    if advice.decision.ask is None or advice.decision.ask.traffic is None:
        lines.append("--traffic LOG: who really comes")
    if advice.decision.stack.operator == Operator():
        lines.append("stack.operator: who is called, how fast (not told: everything at once)")
    return lines
