"""A case: one scenario on one platform, resolved: all that a run needs but its seed.

It stands here and not with the studies that make it: studies run simulations, a simulation knows
no study, and both speak of cases.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

from sim.dataplane.engines import duration_s, expected_requests
from sim.dataplane.profile import Arrivals, Profile
from sim.imports.trace import arrivals, stays
from sim.platforms import blaming, configured, layers, takes
from sim.platforms.platform import Platform, servers_of
from sim.schema.layers import check_quota, stack_on
from sim.schema.scenario import Scenario, Version
from sim.schema.settings import split_settings
from sim.schema.stack import Stack


@dataclass(frozen=True)
class Case:
    """What runs: made by `Case.of`, once for all replications.

    Small when it travels to another process: the ten choices go by their platform's name and are
    looked up there, where a user's own file is known too (`sim.platforms.pin`)."""

    scenario: Scenario
    platform: str  # its name; `kubernetes-rollback` is one without that choice
    stack: Stack  # as it runs there
    arrivals: Arrivals  # a trace is read once, and shared by all cases of a study
    own: Platform | None = None  # choices of no platform, on the way from one to another

    @classmethod
    def of(
        cls, scenario: Scenario, stack: Stack, platform: str, come: Arrivals | None = None
    ) -> Case:
        """The scenario on `stack` (as loaded) under the platform; `come`: its traffic, where that
        has been read already. Raises `InputError` for what does not go together."""
        own = stack_on(stack, layers(platform), scenario)
        case = cls(scenario, platform, own, come or arrivals(scenario.traffic))
        with blaming(platform):
            count = servers_of(case.choices, own)
        own = own.model_copy(update={"servers": own.servers.model_copy(update={"count": count})})
        check_quota(own)
        takes(platform, case.choices, own)
        return replace(case, stack=own)

    @cached_property
    def choices(self) -> Platform:
        """The platform's ten, with what the scenario and the command line set of them."""
        if self.own is not None:
            return self.own
        return configured(self.platform, split_settings(self.scenario.set).platforms)

    @cached_property
    def profiles(self) -> dict[tuple[str, Version], Profile]:
        """Of its services as the stack has them, each as the first run of it has made it."""
        return {}

    @property
    def name(self) -> str:
        """The scenario's name, `:variant` included."""
        variant = self.scenario.variant
        return self.scenario.name + (f":{variant}" if variant else "")

    @property
    def requests(self) -> float:
        """How many are expected in one run, with the rates that events set; of users who come back,
        as many as they would make if all were answered at once."""
        end, traffic = self.scenario.horizon, self.scenario.traffic
        if traffic.think is not None:
            here = (min(stay.end_s, end) - stay.begin_s for stay in stays(traffic, end))
            return math.fsum(here) / traffic.think.mean
        rates = sorted((e.at, e.traffic.rate) for e in self.scenario.events if e.traffic)
        total = expected_requests(self.arrivals, rates[0][0] if rates else end)
        for (at, rate), (until, _) in pairwise([*rates, (end, 0.0)]):
            total += rate * (until - at)
        return total

    @property
    def cpu_s(self) -> float:
        """CPU seconds of one run, roughly, by the compiled engine."""
        return duration_s("compiled", self.requests, self.scenario.horizon)

    def __getstate__(self) -> dict[str, object]:
        return {
            name: value for name, value in vars(self).items() if name not in ("choices", "profiles")
        }
