"""The people of a stack: how long they take, what they look at, and when they are paged."""

from __future__ import annotations

from sim.constants import facts
from sim.constants.facts import default
from sim.schema.fields import (
    Crew,
    Duration,
    Fraction,
    Interval,
    LawSpec,
    Line,
    Name,
    Positive,
    Ratio,
    Record,
)

DAY_S = 86_400.0


class Step(Record):
    """One step of a runbook: what the operator does and how long it takes."""

    do: Line
    takes: LawSpec


class Night(Record):
    """What is different when the operator sleeps; a time of day is hours from midnight (`22h`)."""

    begins: Duration = 22 * 3600.0
    ends: Duration = 7 * 3600.0
    acknowledge: LawSpec = LawSpec()
    missed_page: Fraction = 0.0
    mistake: Fraction = 0.0

    def includes(self, t_s: float) -> bool:
        """Is this time, from any midnight on, within [begins, ends)? A night may pass midnight;
        equal ends: never."""
        t, begin, end = (x % DAY_S for x in (t_s, self.begins, self.ends))
        return begin <= t < end if begin <= end else t >= begin or t < end


class Alarm(Record):
    """When monitoring pages somebody."""

    look: Interval = default(facts.ALARM_LOOK)
    window: Interval = default(facts.ALARM_WINDOW)
    confirm: Interval = default(facts.ALARM_CONFIRM)
    share: Fraction = default(facts.ALARM_SHARE)  # of failures, within the window
    failed: Positive = default(facts.ALARM_FAILED)
    jobs: Positive = default(facts.ALARM_JOBS)


class Habits(Record):
    """How often and how long the operator looks at what, and what she blames."""

    recheck: Interval = default(facts.RECHECK)
    idle_look: Interval = default(facts.IDLE_LOOK)
    patience: Positive = default(facts.PATIENCE)  # windows of the alarm
    ssh_retry: Interval = default(facts.SSH_RETRY)
    gives_up: Duration = default(facts.GIVES_UP)
    deploy_watch: Duration = default(facts.DEPLOY_WATCH)
    blames: Duration = default(facts.BLAMES)
    writes_off: Duration = default(facts.WRITES_OFF)
    leaks: Ratio = default(facts.LEAKS)
    replaced_often: Positive = default(facts.REPLACED_OFTEN)
    failing_share: Fraction = default(facts.FAILING_SHARE)
    drain_look: Interval = default(facts.DRAIN_LOOK)
    confirm_look: Interval = default(facts.CONFIRM_LOOK)
    rotation_watch: Duration = default(facts.ROTATION_WATCH)


class Operator(Record):
    """The human. Distributions and their sources: `sim explain operator`."""

    people: Crew = 1  # on call: one takes the page, and each has hands of her own
    monitoring: bool = True  # False: users complain, which takes `complaint`
    detect: LawSpec = LawSpec()  # fault seen by users -> page sent
    unnoticed: Fraction = 0.0  # of incidents: no alert fires (a wrong threshold), for
    unnoticed_costs: LawSpec = LawSpec()  # ... so long: the fat tail of detection
    complaint: LawSpec = LawSpec()
    acknowledge: LawSpec = LawSpec()  # page -> a human looks
    missed_page: Fraction = 0.0  # silent phone, wrong setting: the fat tail
    missed_page_costs: LawSpec = LawSpec()
    login: LawSpec = LawSpec()  # SSH and find the right directory
    diagnose: LawSpec = LawSpec()  # a look at what is plain: what is down, what the log says
    investigate: LawSpec = LawSpec(law="lognormal", mean=240.0, cv=1.5)  # ... what to infer
    misled: Fraction = default(facts.MISLED)  # of those: a wrong guess first
    quota_answer: LawSpec = LawSpec(law="lognormal", mean=7200.0, cv=1.0)  # the provider's yes
    command: LawSpec = LawSpec()  # type one command
    mistake: Fraction = 0.0  # per step; the step is done again, or leaves a flaw
    alarm: Alarm = Alarm()
    habits: Habits = Habits()
    night: Night | None = None  # None: as by day
    runbooks: dict[Name, list[Step]] = {}

    def night_at(self, t_s: float) -> Night | None:
        """What holds beside her days at this time, if it is night."""
        return self.night if self.night is not None and self.night.includes(t_s) else None
