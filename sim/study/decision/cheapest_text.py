"""What a contest says: the winner in a sentence, the ladder with money and chance, what was not
tried and why; and the winner as files to apply."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from shlex import quote
from typing import Any

from sim.report.study_page import Lay, StudyPage, spoken, titled
from sim.report.text import words
from sim.report.text.columns import Cells
from sim.study.decision.apply import FILES, files
from sim.study.decision.cheapest import Candidate, PriceLadder
from sim.study.decision.knobs import short, words_of
from sim.study.decision.race import Runner, Standing, likely

SHOWN = 12  # rungs on a terminal; the files have all
FEW, MANY = 0.05, 100  # of runs held, of that many: then an optimiser is told of; chosen
UNTRIED = (Standing.UNTRIED, Standing.RACING)


def finding(ladder: PriceLadder) -> str:
    """Who won, with what chance, in one sentence."""
    contest = ladder.contest
    slo = " and ".join(each.text for each in contest.wanted)
    if ladder.winner is None:
        if ladder.interrupted:
            return f"Interrupted: what holds {slo} is not decided."
        unclear = [r for r in ladder.runners if r.standing is Standing.UNCLEAR]
        if unclear:
            first = unclear[0]
            low, high = likely(first.held, first.runs)
            return (
                f"Not enough is known: {_name(contest.candidates[first.place])} holds {slo} with a "
                f"chance of {low:.0%} to {high:.0%}, and nothing holds for sure with "
                f"{contest.rule.chance:.0%}."
            )
        near = _nearest(tried(ladder))[0]
        return (
            f"None of {len(contest.candidates)} set-ups holds {slo} with a chance of "
            f"{contest.rule.chance:.0%}. The nearest: {_name(contest.candidates[near.place])}, on "
            f"{near.held} of {words.plural(near.runs, 'seed')}."
        )
    winner = contest.candidates[ladder.winner.place]
    fresh = ladder.winner.fresh or (0, 0)
    held, runs = ladder.winner.held + fresh[0], ladder.winner.runs + fresh[1]
    low, _ = likely(held, runs)
    return (
        f"{words.money(winner.usd)} a month: {_name(winner)} holds {slo} on {held} of {runs} seeds "
        f"(chance at least {low:.0%}), {fresh[0]} of {fresh[1]} of them fresh.{_untold(ladder)}"
    )


def _untold(ladder: PriceLadder) -> str:
    """Cheaper ones that may hold, too."""
    unclear = [r for r in ladder.runners if r.standing is Standing.UNCLEAR]
    if not unclear:
        return ""
    first = unclear[0]
    low, high = likely(first.held, first.runs)
    return (
        f" Of {len(unclear)} cheaper or as cheap the seeds cannot tell, such as "
        f"{_name(ladder.contest.candidates[first.place])}: a chance of {low:.0%} to {high:.0%}."
    )


def _name(candidate: Candidate) -> str:
    settings = {short(path): value for path, value in candidate.changed.items()}
    changes = f"with {', '.join(words_of(settings))}" if settings else "as it is"
    return f"{words.platform(candidate.platform)} {changes}"


def tried(ladder: PriceLadder) -> list[Runner]:
    return [runner for runner in ladder.runners if runner.runs > 0]


def _nearest(runners: Sequence[Runner]) -> list[Runner]:
    """Those that held on the largest share of their seeds first, then the cheapest."""
    return sorted(runners, key=lambda runner: (-runner.held / runner.runs, runner.place))


def table(ladder: PriceLadder, most: int | None = None) -> Cells:
    """The ladder: the winner last, before it what is cheaper and does not hold; where nobody wins,
    those that came nearest."""
    heads = ["a month", "set-up", "held", "chance (95 %)", "why"]
    rungs = tried(ladder)
    if most is not None and len(rungs) > most:
        winner = ladder.winner
        rungs = (
            [runner for runner in rungs if runner.place <= winner.place][-most:]
            if winner else sorted(_nearest(rungs)[:most], key=lambda runner: runner.place)
        )  # fmt: skip
    return [heads, *(_rung(ladder, runner) for runner in rungs)]


def _rung(ladder: PriceLadder, runner: Runner) -> list[str]:
    candidate = ladder.contest.candidates[runner.place]
    low, high = likely(runner.held, runner.runs)
    return [
        words.money(candidate.usd),
        _name(candidate),
        f"{runner.held} of {runner.runs}",
        f"{low:.0%} .. {high:.0%}",
        why(ladder, runner),
    ]


def why(ladder: PriceLadder, runner: Runner) -> str:
    """What came of a candidate, in words."""
    winner = ladder.winner
    if winner is not None and runner.place == winner.place and runner.fresh:
        return f"holds, and on {runner.fresh[0]} of {runner.fresh[1]} fresh seeds"
    if runner.standing is Standing.OUT:
        return f"dropped after {words.plural(runner.runs, 'seed')}"
    if runner.standing is Standing.REFUTED and runner.fresh:
        return f"held, but on {runner.fresh[0]} of {runner.fresh[1]} fresh seeds only"
    if winner is not None and runner.place > winner.place:
        return "dominated, not cheaper than the winner"
    return str(runner.standing.value)


def untried(ladder: PriceLadder) -> list[str]:
    """What was not run to the end, and why: a line a reason."""
    reasons: Counter[str] = Counter(
        why(ladder, runner) for runner in ladder.runners if runner.standing in UNTRIED
    )
    lines = [f"{count} set-ups not run to the end: {reason}" for reason, count in reasons.items()]
    contest = ladder.contest
    left = contest.size - len(contest.candidates) - len(contest.impossible)
    if left > 0 and not contest.propose:
        lines.append(f"{left} set-ups not tried: several lines of a file at once (--over does)")
    if contest.impossible:
        name, point, reason = contest.impossible[0]
        where = f"{words.platform(name)} with {', '.join(words_of(point))}"
        count = len(contest.impossible)
        lines.append(f"{count} set-ups cannot be, such as {where}: {reason}")
    return lines


def missed(ladder: PriceLadder) -> list[str]:
    """What did not hold, most often first."""
    each = sorted(ladder.missed.items(), key=lambda item: -item[1])
    told = ", ".join(f"{slo} in {name} ({words.count(runs)} runs)" for (slo, name), runs in each)
    return [f"What did not hold: {told}"] if each else []


def proposing(ladder: PriceLadder) -> list[str]:
    """What an optimiser did, or could do."""
    contest = ladder.contest
    if contest.propose:
        count = len(contest.candidates) + len(contest.impossible)
        return [
            f"{count} of {contest.size:,} set-ups were proposed by an optimiser, each after a run: "
            "a cheaper one that holds may be among the others. Where an autoscaler rents servers, "
            "the order is that of what it rented on the first seed"
        ]
    held, raced = (sum(r.held for r in ladder.runners), sum(r.runs for r in ladder.runners))
    if held < FEW * raced and raced > MANY:
        return [f"{held} of {raced} runs held: --propose {MANY} asks an optimiser which to try"]
    return []


def _lines(ladder: PriceLadder, lay: Lay, most: int | None) -> Iterator[str]:
    contest = ladder.contest
    yield finding(ladder)
    yield from _again(ladder)
    yield ""
    yield from lay(table(ladder, most))
    yield ""
    runs = sum(runner.runs + (runner.fresh or (0, 0))[1] for runner in ladder.runners)
    yield from (f"{line}." for line in (*missed(ladder), *untried(ladder), *proposing(ladder)))
    names = ", ".join(planned.name for planned in contest.plans)
    yield (
        f"{len(contest.candidates)} set-ups, {runs} of {len(contest.candidates)} x "
        f"{contest.rule.looks[-1]} seeds run of {names}. Money: servers, control plane, balancer "
        f"and volumes at second 0, without people. Either error of the race: at most "
        f"{contest.rule.error:.0%}."
    )


def _again(ladder: PriceLadder) -> Iterator[str]:
    """What runs the winner."""
    if ladder.winner is not None:
        winner = ladder.contest.candidates[ladder.winner.place]
        settings = (f"--set {quote(each)}" for each in words_of(winner.changed))
        yield " ".join(["To run it:", "--platform", winner.platform, *settings])


def record(ladder: PriceLadder) -> dict[str, Any]:
    winner = ladder.winner
    return {
        "finding": finding(ladder),
        "slo": [each.text for each in ladder.contest.wanted],
        "chance": ladder.contest.rule.chance,
        "size": ladder.contest.size,
        "proposed": len(ladder.contest.candidates) if ladder.contest.propose else None,
        "winner": None if winner is None else rows(ladder)[winner.place],
        "ladder": rows(ladder),
        "missed": [
            {"slo": slo, "scenario": name, "runs": runs}
            for (slo, name), runs in ladder.missed.items()
        ],
        "impossible": [
            {"platform": name, **point, "why": reason}
            for name, point, reason in ladder.contest.impossible
        ],
    }


def rows(ladder: PriceLadder) -> list[dict[str, Any]]:
    """A record a candidate, in order of cost."""
    table = []
    # of all candidates: platforms may be turned by different knobs
    paths = dict.fromkeys(path for each in ladder.contest.candidates for path in each.settings)
    for runner in ladder.runners:
        candidate = ladder.contest.candidates[runner.place]
        low, high = likely(runner.held, runner.runs)
        table.append({
            "usd_month": candidate.usd, "platform": candidate.platform,
            **{path: candidate.settings.get(path) for path in paths},
            "held": runner.held, "seeds": runner.runs, "chance.low": low, "chance.high": high,
            "fresh": None if runner.fresh is None else list(runner.fresh),
            "why": why(ladder, runner),
        })  # fmt: skip
    return table


def _applied(ladder: PriceLadder, file: str) -> str:
    """The winner as a file of that name."""
    if ladder.winner is None:
        return ""
    winner = ladder.contest.candidates[ladder.winner.place]
    return files(winner.cases[0], winner.changed, finding(ladder)).get(file, "")


PAGE: StudyPage[PriceLadder] = StudyPage(
    "cheapest", spoken(_lines, SHOWN), titled(lambda _: "The cheapest that holds", _lines), record,
    {"cheapest.csv": rows}, wished={file: partial(_applied, file=file) for file in FILES},
)  # fmt: skip
