"""The runbook of a rotation: a password of the database is changed, and everybody gets the new one.

It is a question of order: change, then hand out, locks out those that have not got it; add a second
user, hand out, then drop the first locks out nobody (AWS Secrets Manager, "alternating users"). A
place that was forgotten is found by an incident. Left out: the moment between two commands of one
script.
"""

from __future__ import annotations

from typing import Literal

from sim.control.core.clock import Loop
from sim.control.core.cluster import Container
from sim.control.people.human import Human
from sim.control.secrets.passwords import Passwords, delivery_of, passwords_of, step_of
from sim.schema.scenario import RotateSecret

Move = Literal["write", "add", "change", "restart", "confirm", "drop"]


# ---- rules ----
def order(overlap: bool, restarts: bool) -> tuple[Move, ...]:
    """The steps of a rotation. `overlap`: two users valid at a time; `restarts`: a process gets the
    new password only by starting anew.

    Source: AWS Secrets Manager, rotation strategies: single user, alternating users."""
    hand_out: tuple[Move, ...] = ("restart",) if restarts else ()
    if overlap:
        return ("add", "write", *hand_out, "confirm", "drop")
    return ("write", "change", *hand_out)


def window_s(changed_s: float, all_have_s: float) -> float:
    """How long both are needed: from the change in the database until all have the new one."""
    return max(0.0, all_have_s - changed_s)


# ---- the runbook ----
def rotate(human: Human, ask: RotateSecret, database: str) -> Loop:
    """Log in, then the steps in their order; she keeps an eye on it meanwhile."""
    cluster = human.cluster
    passwords = passwords_of(cluster, delivery_of(cluster))
    human.rotation = human.rotation or passwords
    human.looking += 1
    passwords.rotating = True
    yield from human.login()
    old, passwords.newest = passwords.newest, passwords.newest + 1
    passwords.all_have_s = None
    places = reached(human, passwords.delivery.places(cluster), ask.missed)
    for step in order(ask.overlap, passwords.delivery.restarts):
        if step == "write":
            yield from passwords.write(human, places)
        elif step in ("add", "change"):
            yield from accept(human, passwords, old, database, step == "add")
        elif step == "restart":
            for place in places:
                yield from passwords.delivery.restart(human, place, database, ask.overlap)
        elif step == "confirm":
            yield from watch(human, passwords, places)
        elif waiting_for(passwords, places):
            human.say("leaves both users as they are: not everybody has the new password")
        else:
            yield from human.command("`DROP ROLE` of the old user")
            passwords.accept({passwords.newest})
    yield from watch(human, passwords, places)
    passwords.rotating = False
    human.looking -= 1
    if passwords.all_have_s is not None:
        both_s = window_s(passwords.changed_s, passwords.all_have_s)
        text = f"the old password of {database} was needed for {both_s:.0f} s beside the new one"
        cluster.say("secret", database, text)


def reached(human: Human, places: list[str], missed: int | None) -> list[str]:
    """The places she remembers. Where there is one only, it cannot be forgotten."""
    cluster = human.cluster
    if len(places) < 2:
        return places
    if missed is None:
        drawn = [cluster.random("operator/secret_places") < human.mistake for _ in places]
    else:
        drawn = [k >= len(places) - missed for k in range(len(places))]
    cluster.mistaken(sum(drawn))
    return [place for place, forgot in zip(places, drawn, strict=True) if not forgot]


def accept(human: Human, passwords: Passwords, old: int, database: str, both: bool) -> Loop:
    """The database takes the new password from now; the old one only if it is another user's."""
    verb = "`CREATE ROLE`: a second user" if both else "`ALTER ROLE`: the new password"
    yield from step_of(human, 1, f"runs {verb}")
    passwords.changed_s = human.cluster.clock.now
    passwords.accept({old, passwords.newest} if both else {passwords.newest})
    text = "takes both passwords" if both else "refuses the old password from now on"
    human.cluster.say("secret", database, f"{database} {text}")


def waiting_for(passwords: Passwords, places: list[str]) -> list[Container]:
    """Who has not got it, of those she has thought of."""
    place_of = passwords.delivery.place_of
    return [c for c in passwords.behind() if place_of(passwords.cluster, c) in places]


def watch(human: Human, passwords: Passwords, places: list[str]) -> Loop:
    """Look until everybody she has thought of has the new one, or she has other things to do."""
    habits = human.spec.habits
    until = human.cluster.clock.now + habits.rotation_watch
    while waiting_for(passwords, places) and human.cluster.clock.now < until:
        yield from human.wait(habits.confirm_look)
