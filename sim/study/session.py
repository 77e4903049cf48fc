"""`Session`: a run in your hands. Step it, look, break something, go back; public as `sim.Session`.

A session is its case, its seed and its log of what was done and when; all else is computed, and can
be computed again. So a fork and a rewind are replays of the log, exact by construction, the log is
the save file, and what breaks off (Ctrl-C, an error) leaves the session where it stood.
"""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from numbers import Real
from pathlib import Path
from typing import Any, Self

from sim.dataplane import engines
from sim.results.run import Run
from sim.results.summary import replication
from sim.schema.fields import Duration, InputError
from sim.schema.scenario import Event, Scenario
from sim.schema.scenario_checks import read_event
from sim.schema.stack import Stack
from sim.schema.text.document import Document
from sim.schema.text.files import read_text
from sim.schema.text.validation import Spot, given, read_value
from sim.simulation.simulation import Simulation
from sim.study.ask import DEFAULT_SEED, Ask
from sim.study.batch import BatchSample
from sim.study.comparison import result_of
from sim.study.identity import case_key
from sim.study.plan import plan
from sim.study.result import Result

FORMAT = 1  # of the save file


class Session:
    """One run of a scenario under one platform that goes on as far as you say.

    The parameters are those of `sim.run`. Times are simulated: seconds as numbers, or texts such as
    `"5m"`. Whatever is wrong with an argument is an `InputError`, and nothing has happened then.

    `now`: seconds; where the session stands. `log`: what was done, in order, as records.
    """

    def __init__(
        self,
        scenario: str | Scenario,
        platform: str = "kubernetes",
        seed: int = DEFAULT_SEED,
        stack: str | Stack | None = None,
        settings: Mapping[str, Any] | Sequence[str] = (),
        engine: str = "auto",
        traffic: str | None = None,
    ) -> None:
        ask = {"scenario": scenario, "platform": platform, "seed": seed, "stack": stack}
        self._ask = {**ask, "settings": settings, "engine": engine, "traffic": traffic}
        planned = plan(Ask(scenario, [platform], seed, 1, stack, settings, engine, traffic))
        if len(planned.platforms) != 1:
            raise InputError(field="platform", found=given(platform), expected="one platform")
        self._plan, self.case = planned, planned.cases[0]
        self._engine = engines.ready(engine, self.case.requests, nullcontext)
        self.seed = seed
        self.now = 0.0
        self.log: tuple[Event, ...] = ()
        self._simulation: Simulation | None = None  # it stands at `now`; None: to be replayed
        self._run: Run | None = None  # once finished

    def __repr__(self) -> str:
        over = ", over" if self._run is not None else ""
        run = f"{self.case.name} on {self.case.platform}, seed {self.seed}"
        return f"<Session: {run}, at {self.now:g}s of {self.case.scenario.horizon:g}s{over}>"

    # ---- going on ----
    def advance(self, to: float | str) -> None:
        """Run on to the time `to`, from `now` up to the scenario's horizon.

        What is due at exactly `to` has come from the users and from the scenario's events; whoever
        reacts to it does so when the session goes on."""
        self._refuse_if_over("advance")
        to_s = self._time("advance", to, self.now, self.case.scenario.horizon)
        with self._running() as simulation:
            simulation.advance(to_s)
        self.now = to_s

    def do(self, event: Mapping[str, Any] | Event) -> None:
        """Let something happen now, in the words of a scenario's events, without `at`:
        `session.do({"operator_kill": {"service": "http"}})`.

        It is checked as an event of a scenario is, and does what it would have done there at this
        time: to the platform, and to the one operator."""
        self._refuse_if_over("do")
        checked = read_event(event, self.now, self.case.scenario, self._plan.stack)
        with self._running() as simulation:
            simulation.do(checked)
        self.log = (*self.log, checked)

    def look(self) -> dict[str, Any]:
        """The run now, as plain data: gauges, containers, servers, operator, and what happened
        since the last look. See `sim.simulation.panel.Panel.look` for the fields. Looking changes
        nothing of what follows."""
        with self._running() as simulation:
            return {"over": self._run is not None, **simulation.look()}

    def finish(self, at: float | str | None = None) -> Run:
        """Run on to the end, `at` or else the scenario's horizon, and hand over all that happened.

        A session that was finished earlier gives the run that it would have been with `at` as its
        horizon. It is over then: asked again it gives the same `Run`."""
        if self._run is None or at is not None:
            self._refuse_if_over("finish")
            horizon_s = self.case.scenario.horizon
            end_s = horizon_s if at is None else self._time("finish", at, self.now, horizon_s)
            with self._running() as simulation:
                run = simulation.finish(end_s)
            self._run, self.now = run, end_s
        assert self._run is not None
        return self._run

    def result(self) -> Result:
        """The finished run (`finish()`, if it goes on) as a `Result` of one replication, which
        shows itself: `session.result().plot()`. Claims of the scenario are kept where nothing was
        done by hand."""
        run = self.finish()
        planned = self._plan
        if self.log or run.horizon_s != planned.scenario.horizon:
            changes = {"horizon": run.horizon_s, "claims": []}
            planned = replace(planned, scenario=self.script.model_copy(update=changes), command="")
        return result_of(planned, BatchSample(((replication(run, keep=True),),)))

    @property
    def script(self) -> Scenario:
        """The scenario with the log among its events: `sim.run` makes the same run of it."""
        scenario = self.case.scenario
        return scenario.model_copy(update={"events": [*scenario.events, *self.log]})

    # ---- going back ----
    def fork(self, at: float | str | None = None) -> Session:
        """Another session that stands where this one does, or stood when it came to `at`, before
        anything was done then. From there each goes its own way."""
        twin = copy.copy(self)
        twin._simulation = twin._run = None
        if at is not None:
            twin.rewind(at)
        return twin

    def rewind(self, to: float | str) -> None:
        """Go back to when the session came to `to`: what was done then or later is undone. A
        session that was over goes on again."""
        self.now = self._time("rewind", to, 0.0, self.now)
        self.log = tuple(event for event in self.log if event.at < self.now)
        self._simulation = self._run = None

    # ---- the save file ----
    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the session to a JSON file: what was asked for, where it stands, and the log."""
        Path(path).write_text(json.dumps(self.saved(), indent=1, default=str), encoding="utf-8")

    def saved(self) -> dict[str, Any]:
        """What `save` writes: the arguments, a key of the case, seconds, and events as a
        scenario's file has them."""
        return {
            "session": FORMAT,
            "case": f"{case_key(self.case)} seed {self.seed}",
            "ask": {name: _plain(value) for name, value in self._ask.items()},
            "now_s": self.now,
            "log": [event.model_dump(mode="json", exclude_none=True) for event in self.log],
        }

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """The session of a file that `save` wrote. `InputError` for anything else, and where the
        scenario, the stack, the traffic or the platform's own file has changed since."""
        file = os.fspath(path)
        document = Document(file)
        try:
            data = json.loads(read_text(Path(path), file))
            if data["session"] != FORMAT:
                raise document.error(("session",), str(data["session"]), str(FORMAT))
            ask = dict(data["ask"])
            for name, record in (("scenario", Scenario), ("stack", Stack)):
                if isinstance(ask[name], dict):
                    ask[name] = record.model_validate(ask[name])
            session = cls(**ask)
            if data["case"] != f"{case_key(session.case)} seed {session.seed}":
                found = f"the log of another case than {session.case.name} is now"
                expected = "scenario, stack, traffic and platform as they were when it was saved"
                raise document.error(("case",), found, expected)
            case, stack = session.case, session._plan.stack
            log = [read_event(event, event["at"], case.scenario, stack) for event in data["log"]]
            session.log = tuple(sorted(log, key=lambda event: event.at))
            least_s = max([0.0, *(event.at for event in log)])
            session.now = session._time("now_s", data["now_s"], least_s, case.scenario.horizon)
        except (ValueError, KeyError, TypeError):
            raise document.error((), "no saved session", "a file that save() wrote") from None
        return session

    # ---- inside ----
    @contextmanager
    def _running(self) -> Iterator[Simulation]:
        """The simulation, at `now`, for one step of it. A step that breaks off leaves none behind,
        and the next one replays the log."""
        simulation, self._simulation = self._simulation, None
        if simulation is None:
            simulation = Simulation(self.case, self.seed, engine=self._engine)
            for event in self.log:
                simulation.advance(event.at)
                simulation.do(event)
            simulation.advance(self.now)
        yield simulation
        self._simulation = simulation

    def _time(self, verb: str, text: float | str, least_s: float, most_s: float) -> float:
        """Simulated seconds within these bounds."""
        number = isinstance(text, Real) and not isinstance(text, bool)
        time_s = float(text) if number else read_value(Duration, text, Spot(Document(verb)))
        if not least_s <= time_s <= most_s:
            expected = f"a time from {least_s:g}s to {most_s:g}s"
            expected += "; rewind() goes back" if time_s < least_s else ""
            raise InputError(field=verb, found=str(text), expected=expected)
        return time_s

    def _refuse_if_over(self, verb: str) -> None:
        if self._run is not None:
            found = f"a session that is over: it was finished at {self.now:g}s"
            raise InputError(field=verb, found=found, expected="a fork() or a rewind() of it")


def _plain(argument: Any) -> Any:
    """An argument of a session as JSON has it."""
    if isinstance(argument, Scenario | Stack):
        return argument.model_dump(mode="json", exclude_unset=True)
    return os.fspath(argument) if isinstance(argument, os.PathLike) else argument
