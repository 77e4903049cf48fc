"""The operator's repertoire: what she tries when users are down, and in which order.

Pure. Symptoms are what anybody can see who has `docker stats`, a dashboard and the list of deploys;
a row of the table is a hypothesis with the sign that suggests it and the remedy that follows. What
is plain to see comes first (a process that is down); then what changed lately, the first question
of on-call guides (Google SRE book, "Effective Troubleshooting": "What touched it last"); then what
has to be inferred, the cheap before the dear: restart, more replicas, more machine, more machines,
fewer users. A remedy that did not help is not tried again, but what grows is, step by step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

Remedy = Literal[
    "promote", "wait_for_server", "repair", "write_off", "roll_back", "fix_secret",
    "raise_connections", "start", "restart_silent", "fix_backends", "add_pooler", "widen_pools",
    "restart_busy", "scale_out", "resize_server", "rent", "ask_provider", "shed", "wait",
    "wait_for_provider",
]  # fmt: skip


@dataclass(frozen=True)
class Symptoms:
    """What she can see. Names of services, or "" for none; `failing` and `backlog` are users'."""

    failing: bool = False  # errors and time-outs, as many as alarm
    backlog: bool = False  # jobs wait, as many as alarm
    primary_lost: str = ""  # a database whose replica serves, and nobody promotes it
    server_away: bool = False  # cannot be reached, and nobody but her moves what ran there
    trouble: bool = False  # something that an event left behind, and that a log names
    node_away: bool = False  # ... and the platform waits for it before it moves a disk
    provider_away: str = ""  # a managed database whose provider has to bring it back
    ailing: str = ""  # somebody else's service, as its status page says
    bad_version: str = ""  # of a deployed version replicas exit, err, or grow
    changed: str = ""  # deployed lately, and not taken back
    locked_out: bool = False  # the database refuses a password that was forgotten somewhere
    connections_short: bool = False  # no slot is left at the database
    pools_short: bool = False  # requests wait for a connection while slots are left
    down: int = 0  # containers that nobody restarts
    hung: int = 0  # up, and answer nobody, or nobody well
    backing_off: int = 0  # exited, and whoever restarts them waits for long
    wrong_address: bool = False
    busy: str = ""  # up, and each place inside is taken; or idle, and jobs wait for it
    hot: str = ""  # its processes use all the CPU that they can have
    database_hot: bool = False
    full: bool = False  # no server has cores left
    lone: bool = False  # ... and there is one, which can be made larger
    unplaced: bool = False  # replicas wait for a server with room
    under_way: bool = False  # more is coming: ordered, asked for, or booting
    oom: bool = False  # the kernel has killed something for want of memory
    quota: bool = False  # the provider lends no more servers


class Hypothesis(NamedTuple):
    """One row. `plain`: the evidence lies before her; else the cause must be inferred, which takes
    longer and goes wrong; `reflex`: she does not wait for that. `times`: so often in one incident;
    0: whenever she sees it."""

    remedy: Remedy
    guess: str
    sign: Callable[[Symptoms], bool]
    plain: bool = False
    times: int = 1
    reflex: bool = False


REPERTOIRE: tuple[Hypothesis, ...] = (
    Hypothesis("promote", "the primary is gone", lambda s: bool(s.primary_lost), True, 0),
    Hypothesis("wait_for_server", "the server is away", lambda s: s.server_away, True, 0),
    Hypothesis("repair", "what a log names", lambda s: s.trouble, True, 0),
    Hypothesis("roll_back", "the new version is bad", lambda s: bool(s.bad_version), True, 0),
    Hypothesis("fix_secret", "an old password", lambda s: s.locked_out, True, 0),
    Hypothesis("raise_connections", "no slot is left", lambda s: s.connections_short, True),
    Hypothesis("add_pooler", "it still has none", lambda s: s.connections_short, True),
    Hypothesis("start", "something is down", lambda s: s.down > 0, True, 0),
    Hypothesis("restart_silent", "a replica hangs", lambda s: s.hung > 0, True, 0),
    Hypothesis(
        "wait_for_provider", "its provider's", lambda s: bool(s.provider_away), True, 0
    ),
    Hypothesis("restart_silent", "it sits out its back-off", lambda s: s.backing_off > 0, True, 3),
    Hypothesis("fix_backends", "a wrong address", lambda s: s.wrong_address, True, 0),
    Hypothesis("write_off", "the platform waits for a dead server", lambda s: s.node_away),
    Hypothesis(
        "roll_back", "the latest change", lambda s: bool(s.changed) and (s.failing or s.backlog)
    ),
    Hypothesis("restart_busy", "it is stuck in old work", lambda s: bool(s.busy), reflex=True),
    Hypothesis(
        "scale_out", "too few replicas",
        lambda s: bool(s.hot or s.busy or s.backlog) and not (s.full or s.unplaced or s.under_way),
        times=6, reflex=True,
    ),
    Hypothesis("widen_pools", "the pools are too small", lambda s: s.pools_short),
    Hypothesis(
        "resize_server", "the server is too small",
        lambda s: s.lone and (s.full or s.database_hot) and not s.under_way, times=2,
    ),
    Hypothesis(
        "rent", "too few servers",
        lambda s: (s.full or s.unplaced) and not (s.quota or s.under_way), times=3,
    ),
    Hypothesis(
        "ask_provider", "the provider lends too few servers",
        lambda s: (s.full or s.unplaced) and s.quota,
    ),
    Hypothesis("shed", "more users than it can serve", lambda s: s.failing and bool(s.busy)),
    Hypothesis("restart_busy", "it is stuck again", lambda s: bool(s.busy), times=2, reflex=True),
    Hypothesis("wait", "more is on its way", lambda s: s.under_way, True, 0),
)  # fmt: skip


def candidates(
    symptoms: Symptoms, tried: Sequence[Hypothesis], in_hand: Sequence[Remedy] = ()
) -> list[Hypothesis]:
    """Rows that the symptoms suggest, that are not used up, and that nobody else is about, in the
    order of the table."""
    return [
        row
        for row in REPERTOIRE
        if row.sign(symptoms)
        and (row.times == 0 or tried.count(row) < row.times)
        and row.remedy not in in_hand
    ]


def next_remedy(
    symptoms: Symptoms,
    tried: Sequence[Hypothesis],
    misled: bool = False,
    in_hand: Sequence[Remedy] = (),
) -> Hypothesis | None:
    """What she does next; None: nothing is left to her. `misled`: where the cause has to be
    inferred she takes the second guess for the first, if there is one."""
    rows = candidates(symptoms, tried, in_hand)
    if misled and len(rows) > 1 and not rows[0].plain and not rows[1].plain:
        return rows[1]
    return rows[0] if rows else None


def colleague_takes(
    symptoms: Symptoms, tried: Sequence[Hypothesis], in_hand: Sequence[Remedy]
) -> Hypothesis | None:
    """What a second person does meanwhile: what lies before everybody's eyes, and is no wait. A
    guess is for one to make, or two would undo each other's work."""
    rows = candidates(symptoms, tried, in_hand)
    return next((row for row in rows if row.plain and row.remedy != "wait"), None)


def would_have_helped(symptoms: Symptoms) -> str:
    """What somebody should have had before; the first that these symptoms point at."""
    without = f"a program that can do without {symptoms.ailing}, with a short time-out"
    for sign, text in (
        (bool(symptoms.ailing), without),
        (symptoms.server_away or symptoms.node_away, "a standby on another server"),
        (symptoms.unplaced and symptoms.quota, "a larger quota, asked for beforehand"),
        (symptoms.oom, "memory limits, or a larger server"),
        (symptoms.connections_short, "a pooler before the database, and smaller pools"),
        (symptoms.database_hot, "a larger database server, read replicas, or a cache before it"),
        (symptoms.full or symptoms.unplaced, "more servers, rented before they were needed"),
        (bool(symptoms.hot), "more replicas, started before they were needed"),
        (symptoms.pools_short, "larger pools, or quicker queries"),
        (bool(symptoms.busy), "short queues, and a budget for retries"),
        (symptoms.backlog, "workers that scale on the queue, and a limit of deliveries"),
    ):
        if sign:
            return text
    return "somebody who knows the program"
