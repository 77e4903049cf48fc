"""One run of a scenario on real programs, and the same on the simulator: the same figures of both.

The scenario's own events are done to the programs: `process_crash` is SIGKILL, after which the
program starts again as its restart policy says; `hang` is SIGSTOP, then SIGCONT; `lock` is LOCK
TABLE in a transaction that stays open; `partition` cuts the cable to the second machine.
"""

from __future__ import annotations

import asyncio
import random
import signal
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from math import nan
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np

import sim
from sim.control.load_balancing.haproxy import HAProxy
from sim.schema.fields import LawSpec
from sim.schema.scenario import Event
from sim.schema.stack import Stack
from sim.schema.steps import ServiceStep
from sim.simulation.case import Case
from tools.real.machine import RESTART_S, Check, Machine
from tools.real.users import Answer, ask, come, instants
from tools.real.wire import GONE, Postgres, Redis, Refused

HERE = Path(__file__).parent
STACK, FAULTS, PLATFORM = HERE / "voting.yaml", HERE / "faults.yaml", "compose_hardened"
LOOK_S = 0.05  # between two looks at the queue and the connections
SLOTS = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'app'"
AFTER_S = 4.0  # before the end no user comes any more, so that nothing waits then

Figures = dict[str, float]


def case_of(variant: str) -> Case:
    """The variant as it runs on the platform."""
    stack = sim.load_stack(STACK)
    return Case.of(sim.load_scenario(f"{FAULTS}:{variant}", stack=stack), stack, PLATFORM)


def check_of(case: Case) -> Check:
    balancer = case.choices.load_balancing
    assert isinstance(balancer, HAProxy)
    return Check(
        balancer.inter_s, balancer.fall, balancer.rise, balancer.retries, balancer.redispatch
    )


class Alone(NamedTuple):
    """What parts take by themselves, measured with nothing else going on, in seconds: the input of
    the simulated side, from which all else must follow."""

    vote_s: float  # a request's place in the web server, besides its sleep
    result_s: float
    outside_s: float  # ... and before and after: HAProxy, the connection, the interpreter
    redis_s: float  # from its start after a SIGKILL until it answers
    postgres_s: float

    def of(self, stack: Stack) -> Stack:
        """The stack as it is on this machine."""
        services = dict(stack.services)
        for name, more_s in (("vote", self.vote_s), ("result", self.result_s)):
            steps = [ServiceStep(wait=LawSpec(mean=more_s)), *(services[name].steps or ())]
            services[name] = services[name].model_copy(update={"steps": steps})
        for name, more_s in (("queue", self.redis_s), ("tally", self.postgres_s)):
            boot = LawSpec(mean=services[name].boot.mean + more_s)
            services[name] = services[name].model_copy(update={"boot": boot})
        return stack.model_copy(update={"services": services})


async def alone(case: Case, times: int = 100) -> Alone:
    """Measured on this machine, medians."""
    machine = Machine(case.stack, check_of(case))
    try:
        await machine.start()
        inside, outside, starts = {}, list[float](), {}
        for name in machine.asked:
            answers = [await ask(name, machine.ports[name], 5.0, "/alone") for _ in range(times)]
            inside[name] = median(a.inside_s for a in answers)
            outside += [a.took_s - a.inside_s for a in answers]
        for name in ("redis", "postgres"):
            taken = []
            for _ in range(5):
                machine.kill(name)
                begin = time.monotonic()
                machine.start_part(name)
                taken.append(await machine.answers(name) - begin)
            starts[name] = median(taken)
        return Alone(
            inside["vote"], inside["result"], median(outside), starts["redis"], starts["postgres"]
        )
    finally:
        await machine.close()


class Experiment:
    """A case on this machine."""

    def __init__(self, case: Case, seed: int) -> None:
        self.case, self.machine = case, Machine(case.stack, check_of(case))
        last_s = case.scenario.horizon - AFTER_S
        self.at_s = instants(case.scenario.traffic.rate or 0.0, last_s, seed)
        shares = case.scenario.traffic.mix
        self.services = [case.stack.entry] * len(self.at_s)
        rng = random.Random(seed)
        for i in range(len(self.services)):
            draw = rng.random()
            for name, share in shares.items():
                if 0 <= draw < share:
                    self.services[i] = name
                draw -= share
        self.queued: list[int] = []
        self.connections: list[int] = []

    async def run(self) -> Figures:
        """Raises `Missing` for a program that is not there."""
        machine = self.machine
        try:
            await machine.start()
            # every server has been checked, and the next check comes whenever it comes
            await asyncio.sleep((2 + random.random()) * machine.check.inter_s)
            machine.marks.clear()
            begin = time.monotonic() + 0.2
            open_queue = partial(Redis.open, machine.ports["redis"])
            looks = [
                asyncio.create_task(self.look(self.queued, open_queue, "LLEN", "votes")),
                asyncio.create_task(self.look(self.connections, self.boss, SLOTS)),
            ]
            deeds = [
                asyncio.create_task(self.do(event, begin)) for event in self.case.scenario.events
            ]
            patience = self.case.scenario.traffic.client.timeout
            answers = await come(begin, self.at_s, self.services, machine.ports, patience)
            await asyncio.gather(*deeds)
            await asyncio.sleep(max(0.0, begin + self.case.scenario.horizon - time.monotonic()))
            rows = await self.rows()
            for look in looks:
                look.cancel()
            return self.figures(answers, begin, rows)
        finally:
            await machine.close()

    # ---- what is done ----
    def part(self, event: Event) -> str:
        """The program that an event hits."""
        ask: Any = getattr(event, event.kind())
        role = self.case.stack.services[ask.service].role
        if role in ("postgres", "redis"):
            return str(role)
        which = getattr(ask, "which", 0)
        return f"{ask.service}-{(which if isinstance(which, int) else 0) + 1}"

    async def do(self, event: Event, begin: float) -> None:
        await asyncio.sleep(max(0.0, begin + event.at - time.monotonic()))
        machine = self.machine
        if event.partition is not None and machine.second is not None:
            machine.second.cut()
            await asyncio.sleep(event.partition.lasts or 0.0)
            machine.second.mend()
            return
        name = self.part(event)
        if event.process_crash is not None:
            service = self.case.stack.services[event.process_crash.service]
            machine.kill(name)
            back = time.monotonic() + RESTART_S + service.boot.mean
            if name in ("postgres", "redis"):
                await asyncio.sleep(back - time.monotonic())
                machine.start_part(name)
                await machine.answers(name)
            else:
                machine.start_part(name, back)
            if name in machine.replicas:
                machine.marks.append((await machine.listens(name), f"{name} listens"))
        elif event.hang is not None:
            machine.send(name, signal.SIGSTOP)
            await asyncio.sleep(event.hang.lasts or 0.0)
            machine.send(name, signal.SIGCONT)
        elif event.lock is not None:
            boss = await self.boss()
            await boss.ask("BEGIN")
            await boss.ask("LOCK TABLE tally IN ACCESS EXCLUSIVE MODE")
            await asyncio.sleep(event.lock.lasts)
            await boss.ask("COMMIT")
            boss.close()
        else:
            raise NotImplementedError(f"events of the kind {event.kind()} are not done here")

    # ---- what is seen ----
    async def look(
        self, seen: list[int], opened: Callable[[], Awaitable[Redis | Postgres]], *asked: str
    ) -> None:
        """Ask for a number again and again, while somebody answers."""
        connection = None
        while True:
            try:
                connection = connection or await opened()
                seen.append(int(str(await connection.ask(*asked))))
            except (*GONE, Refused):
                connection = None
            await asyncio.sleep(LOOK_S)

    def boss(self) -> Awaitable[Postgres]:
        return Postgres.open(self.machine.ports["postgres"], "boss")

    async def rows(self) -> int:
        boss = await self.boss()
        rows = int(await boss.ask("SELECT count(*) FROM votes"))
        boss.close()
        return rows

    def figures(self, answers: list[Answer], begin: float, rows: int) -> Figures:
        good = sorted(a.took_s for a in answers if a.status == 200)
        voted = sum(a.status == 200 for a in answers if a.service == self.case.stack.entry)
        at_s, back_s = fault_of(self.case)

        def noted(end: str) -> float:
            times = (at - begin for at, words in self.machine.marks if words.endswith(end))
            return next(times, nan)

        back_s = back_s or noted("listens")
        return {
            "failed": sum(a.status != 200 for a in answers),
            "unanswered": sum(a.status == 0 for a in answers),
            "p50_s": float(np.quantile(good, 0.5)), "p95_s": float(np.quantile(good, 0.95)),
            "down_after_s": noted("DOWN") - at_s, "up_after_s": noted("UP") - back_s,
            "lost": voted - rows,  # votes that were answered well and that nobody wrote down
            "backlog": max(self.queued, default=0), "connections": max(self.connections, default=0),
        }  # fmt: skip


def simulated(case: Case, base: Alone, at_s: list[float], seeds: list[int]) -> list[Figures]:
    """The same figures of the simulator, with users at the same instants."""
    stack = base.of(sim.load_stack(STACK))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "arrivals.txt"
        path.write_text("".join(f"{at:.6f}\n" for at in at_s))
        variant = f"{FAULTS}:{case.scenario.variant}"
        found = [sim.run(variant, PLATFORM, seed, stack=stack, traffic=str(path)) for seed in seeds]
    return [figures_of(result, case, base.outside_s) for result in found]


def fault_of(case: Case) -> tuple[float, float]:
    """When the first event begins, and when it is over, if the scenario says so; else 0."""
    if not case.scenario.events:
        return 0.0, 0.0
    event = case.scenario.events[0]
    lasts = getattr(event.hang or event.partition, "lasts", None)
    return event.at, event.at + lasts if lasts else 0.0


def figures_of(result: sim.Result, case: Case, outside_s: float) -> Figures:
    """Of a simulated run; what a request spends outside of the servers comes on top."""
    summary = result.summary["platforms"][PLATFORM]
    at_s, back_s = fault_of(case)
    timeline = result.timeline

    def noted(end: str) -> float:
        times = timeline[timeline["text"].str.endswith(end)]["t_s"]
        return float(times.iloc[0]) if len(times) else nan

    back_s = back_s or noted("listens again")
    latency, jobs, failed = summary["latency_s"], summary["jobs"], summary["requests"]["failed"]
    return {
        "failed": sum(failed.values()), "unanswered": failed["client_timeout"],
        "p50_s": latency["p50"] + outside_s, "p95_s": latency["p95"] + outside_s,
        "down_after_s": noted("DOWN") - at_s, "up_after_s": noted("UP") - back_s,
        # of a push that failed the user was told
        "lost": sum(jobs["lost"].values()) - jobs["lost"]["redis_down"],
        "backlog": jobs["backlog_peak"], "connections": summary["connections"]["peak"],
    }  # fmt: skip
