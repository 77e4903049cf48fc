"""Calls between the services of a file: of all that was found those that are sure enough for a run,
and what a step of each service costs.

Of a call no file says how often it is made: here by every request. What one of users' requests
costs in all is known as little: as much as in the like stack, in equal parts for each service that
it comes by, each query and each place where a job may be left. So a suite of twelve services is as
loaded as one service, and what differs is how they hang together.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import get_args

from sim.imports.compose.scene import Guess, Scene
from sim.imports.evidence import Confidence, Notes
from sim.schema.fields import LawSpec
from sim.schema.stack_checks import find_cycle
from sim.schema.story_checks import MOST_CALLS


@dataclass(frozen=True)
class Calls:
    """Who calls whom, by the names of the file, with the evidence."""

    edges: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    visits: Mapping[str, float] = field(default_factory=dict)  # of one of users' requests
    doors: tuple[str, ...] = ()  # whom users ask, each as often, the entry first

    def of(self, name: str) -> Mapping[str, str]:
        return self.edges.get(name, {})

    def part(self, name: str, times: Mapping[str, int]) -> float:
        """Of what one of users' requests costs, that which one visit does here once. `times`: how
        often each service does it in a visit."""
        if not self.visits.get(name):
            return 1.0 / max(1, times.get(name, 1))
        return 1.0 / max(1, sum(self.visits.get(n, 0) * count for n, count in times.items()))


def calls_of(
    roles: Mapping[str, Guess], scene: Scene, entry: str, public: Collection[str], notes: Notes
) -> Calls:
    """Calls of more than low confidence from a service to one that answers. Of a circle the edge
    that is the least sure is left out, and told; so is what one story has no room for. `public`:
    services that the world may ask."""
    web = [name for name, guess in roles.items() if guess.role == "http"]
    pairs: dict[tuple[str, str], tuple[int, list[str]]] = {}
    for mention in scene.mentions:
        pair = (mention.caller, mention.callee)
        sure = get_args(Confidence).index(mention.confidence)
        started = mention.evidence == "depends_on" and roles[pair[0]].role == "worker"
        if started:  # after its web service, whose image or migrations it waits for: no call
            continue
        if roles[pair[0]].role in ("http", "worker") and pair[1] in web and pair[0] != pair[1]:
            best, evidence = pairs.setdefault(pair, (sure, []))
            pairs[pair] = (min(best, sure), [*evidence, mention.evidence])
    edges: dict[str, dict[str, str]] = {}
    for (caller, callee), (sure, evidence) in sorted(pairs.items(), key=lambda item: item[1][0]):
        own = edges.setdefault(caller, {})
        if sure == len(get_args(Confidence)) - 1:
            continue
        asked = {name: [*others] for name, others in edges.items()}
        if find_cycle({**asked, caller: [*own, callee]}):
            notes.ignored.append(f"{caller} calls {callee}: that would close a circle of calls")
        elif len(own) == MOST_CALLS:
            notes.ignored.append(f"{caller} calls {callee}: {MOST_CALLS} calls are simulated")
        else:
            own[callee] = ", ".join(dict.fromkeys(evidence))
    doors = [entry]
    for name in web:  # one that others ask is asked enough; who asks the entry is a page before it
        asks = _visits(edges, [name])
        if name in public and name not in _visits(edges, doors) and entry not in asks:
            doors.append(name)
    return Calls(edges, _visits(edges, doors), tuple(doors[:MOST_CALLS]))


def _visits(edges: Mapping[str, Collection[str]], doors: Collection[str]) -> dict[str, float]:
    """How often one request of users, which asks one of these, comes by each service."""
    times = dict.fromkeys(doors, 1.0 / len(doors))
    before = list(times.items())
    while before:  # no circle: it ends
        reached: dict[str, float] = {}
        for caller, count in before:
            for callee in edges.get(caller, ()):
                reached[callee] = reached.get(callee, 0) + count
        for name, count in reached.items():
            times[name] = times.get(name, 0) + count
        before = list(reached.items())
    return times


def scaled(law: LawSpec, part: float) -> LawSpec:
    """The same law with that part of its mean, to the microsecond."""
    return law if part == 1.0 else law.model_copy(update={"mean": round(law.mean * part, 6)})
