"""traffic.k6.js: the scenario's customers as a k6 script, to try a real platform with.

Users who come back are `constant-vus` or `ramping-vus`, which think before they ask. Else open
loop, as in the simulation: the `ramping-arrival-rate` executor starts iterations at the scenario's
rate whatever the answers take (Grafana k6's documentation, executors). Its targets are whole
numbers, so rates are given a minute; a stage of no length is a jump.
"""

from __future__ import annotations

import json
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.dataplane.profile import Arrivals
from sim.imports.trace import arrivals, curve
from sim.results.measurements import Measurements
from sim.schema.client import ClientSpec
from sim.schema.fields import LawSpec
from sim.schema.scenario import Slo
from sim.schema.traffic import Traffic

MOST_VUS = 5000  # virtual users; chosen: what one machine of a tester bears
STAGES = 300  # at most, of a recorded trace
SCRIPT = """\
// {title}
// Traffic of the scenario {name}, made by Outage Lab. Needs k6 (grafana/k6):
//   k6 run -e TARGET=http://localhost:3000/ traffic.k6.js
import http from 'k6/http';
import {{ check, sleep }} from 'k6';

export const options = {options};

const TARGET = __ENV.TARGET || 'http://localhost:3000/';
const RETRIES = {retries};
const BACKOFF_S = {backoff};
const BACKOFF_CAP_S = {cap};
const JITTER = {jitter};

export default function () {{{think}
  let answer;
  for (let attempt = 0; attempt <= RETRIES; attempt++) {{
    if (attempt > 0) {{
      const wait = Math.min(BACKOFF_CAP_S, BACKOFF_S * Math.pow(2, attempt - 1));
      sleep(wait * (1 - JITTER * Math.random()));
    }}
    answer = http.get(TARGET, {{ timeout: '{timeout}ms' }});
    if (answer.status >= 200 && answer.status < 500) break;
  }}
  check(answer, {{ 'answered well': (r) => r.status >= 200 && r.status < 400 }});
}}
"""


class Stage(NamedTuple):
    duration_s: float
    target: float  # requests/s at its end


def k6(result: Measurements) -> str:
    """The script of the result's scenario. ValueError for a result that knows no traffic."""
    if result.traffic is None:
        raise ValueError("a result without traffic")
    return script(result.scenario, result.title, result.traffic, result.slo, result.horizon_s)


def script(name: str, title: str, traffic: Traffic, slo: Slo, horizon_s: float) -> str:
    """The script of any traffic over a horizon."""
    client = traffic.client
    if traffic.returns:
        users = _crowd(*stages(curve(traffic), horizon_s))
    else:
        users = _ramps(*stages(arrivals(traffic), horizon_s), client)
    return SCRIPT.format(
        title=_comment(title),
        name=_comment(name),
        options=json.dumps(_options(users, slo), indent=2),
        think=f"\n  sleep({_thought(traffic.think)});" if traffic.think else "",
        retries=client.retries,
        backoff=f"{client.backoff:g}",
        cap=f"{client.backoff_cap:g}",
        jitter=f"{client.jitter:g}",
        timeout=round(client.timeout * 1000),
    )


def stages(come: Arrivals, horizon_s: float) -> tuple[float, list[Stage]]:
    """(rate at 0, stages up to the horizon): pieces of straight lines, jumps as stages of 0 s."""
    if come.times_s is not None:
        come = _binned(come.times_s, horizon_s)
    ends = [*come.start_s[1:], min(come.end_s, horizon_s)]
    rate = come.rate[0] if come.start_s and come.start_s[0] == 0.0 else 0.0
    start, now, pieces = rate, 0.0, []
    for begin, first, slope, until in zip(come.start_s, come.rate, come.slope, ends, strict=True):
        end = min(until, horizon_s)
        if end <= begin:
            continue
        if begin > now:
            pieces.append(Stage(begin - now, rate))
        if first != rate:
            pieces.append(Stage(0.0, first))
        rate, now = first + slope * (end - begin), end
        pieces.append(Stage(end - begin, rate))
    if now < horizon_s:
        pieces += [Stage(0.0, 0.0), Stage(horizon_s - now, 0.0)]
    return start, pieces


def _binned(times_s: NDArray[np.float64], horizon_s: float) -> Arrivals:
    """Time stamps as rates over equal bins."""
    bins = max(1, min(STAGES, math.ceil(horizon_s / 10.0)))
    counts, edges = np.histogram(times_s, bins=bins, range=(0.0, horizon_s))
    rates = tuple((counts / (horizon_s / bins)).tolist())
    return Arrivals(tuple(edges[:-1].tolist()), rates, (0.0,) * bins, horizon_s)


def _thought(law: LawSpec) -> str:
    """The law in JavaScript, whose Math.random() is below 1 and may be 0."""
    mean, u = f"{law.mean:g}", "(1 - Math.random())"
    if law.law == "exponential":
        return f"-{mean} * Math.log{u}"
    if law.law == "uniform":
        return f"{mean} * (1 + {math.sqrt(3.0) * law.cv:g} * (2 * Math.random() - 1))"
    if law.law == "lognormal":
        variance = math.log1p(law.cv**2)
        normal = f"Math.sqrt(-2 * Math.log{u}) * Math.cos(2 * Math.PI * Math.random())"
        return f"{mean} * Math.exp({math.sqrt(variance):g} * {normal} - {variance / 2:g})"
    return mean


def _crowd(start: float, planned: list[Stage]) -> dict[str, object]:
    """So many at a time; who leaves first has its answer (k6's gracefulRampDown)."""
    if len({start, *(stage.target for stage in planned)}) == 1:
        seconds = round(sum(stage.duration_s for stage in planned))
        return {"executor": "constant-vus", "vus": round(start), "duration": f"{seconds}s"}
    return {"executor": "ramping-vus", "startVUs": round(start), "stages": _targets(planned)}


def _targets(planned: list[Stage], times: int = 1) -> list[dict[str, object]]:
    """The stages, their targets in whole numbers."""
    return [
        {"target": round(s.target * times), "duration": f"{round(s.duration_s * 1000)}ms"}
        for s in planned
    ]


def _ramps(start: float, planned: list[Stage], client: ClientSpec) -> dict[str, object]:
    """Rates a minute, since targets are whole numbers."""
    highest = max([start, *(stage.target for stage in planned)])
    needed = max(1, math.ceil(highest * client.timeout))
    return {
        "executor": "ramping-arrival-rate",
        "startRate": round(start * 60),
        "timeUnit": "1m",
        "preAllocatedVUs": min(needed, 50),
        "maxVUs": min(max(needed, 50), MOST_VUS),
        "stages": _targets(planned, 60),
    }


def _options(users: dict[str, object], slo: Slo) -> dict[str, object]:
    limits = [f"rate>={slo.success:g}"]
    thresholds = {"checks": limits}
    if slo.latency is not None:
        thresholds["http_req_duration"] = [f"p({100 * slo.success:g})<={1000 * slo.latency:g}"]
    return {
        "discardResponseBodies": True,
        "thresholds": thresholds,
        "scenarios": {"users": users},
    }


def _comment(text: str) -> str:
    """One line of a comment: nothing in it can end the comment."""
    return " ".join(text.split())
