"""What makes two replications the same: a key of each plan and of each case.

A plan is a scenario with its settings, a stack and a version of this program; platforms and seeds
are coordinates in it. A case is a plan's platform as it runs there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable
from hashlib import sha256

from pydantic import BaseModel

from sim import __version__
from sim.dataplane.profile import Arrivals
from sim.platforms import is_added, sources
from sim.schema.scenario import Scenario
from sim.schema.stack import Stack
from sim.simulation.case import Case

# fields of a scenario that change no run
UNTOLD = {"title", "lesson", "incident", "claims", "variants"}
DIGITS = 16  # of a key: no two plans of one folder will ever share one


def plan_key(scenario: Scenario, stack: Stack, arrivals: Arrivals) -> str:
    """Of a scenario on a stack as it was loaded."""
    return _key(__version__, _scenario(scenario), _record(stack), _trace(arrivals))


def case_key(case: Case) -> str:
    """Of a case, whatever engine and version run it; a user's own platform counts by what its file
    says."""
    texts = [source.text for source in sources([case.platform]).values()]
    if is_added(case.platform) or case.own is not None:
        texts.append(re.sub(r" at 0x[0-9a-f]+", "", repr(case.choices)))
    return _key(
        _scenario(case.scenario), case.platform, _record(case.stack), _trace(case.arrivals), *texts
    )


def joint_key(cases: Iterable[str]) -> str:
    """Of a list of cases without a plan behind it."""
    return _key(*sorted(set(cases)))


def cases_key(cases: Iterable[Case]) -> str:
    """Of the cases themselves; one that is there twice is computed once."""
    known = {id(case): case for case in cases}
    return joint_key(case_key(case) for case in known.values())


def _scenario(scenario: Scenario) -> str:
    """A trace counts by what it holds, not by where it lies."""
    trace = ["trace"] if scenario.traffic.trace else []
    traffic = scenario.traffic.model_copy(update={"trace": trace})
    return _record(scenario.model_copy(update={"traffic": traffic}), UNTOLD)


def _record(record: BaseModel, without: Collection[str] = ()) -> str:
    return json.dumps(record.model_dump(exclude=set(without)), default=str)


def _trace(arrivals: Arrivals) -> str:
    if arrivals.times_s is not None:
        return sha256(arrivals.times_s.tobytes()).hexdigest()
    return repr((arrivals.start_s, arrivals.rate, arrivals.slope, arrivals.end_s))


def _key(*parts: str) -> str:
    return sha256("\0".join(parts).encode()).hexdigest()[:DIGITS]
