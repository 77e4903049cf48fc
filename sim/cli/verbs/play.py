"""`sim play`: runs in the making on a page, for one person or a class."""

from __future__ import annotations

import shlex
import socket
import sys
import threading
import webbrowser
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from sim.cli.options import (
    AS_GUESSED,
    DONE,
    INTERRUPTED,
    Reading,
    ReadingOf,
    Seed,
    StackOf,
    Whole,
    names,
    say,
)
from sim.schema.fields import InputError

if TYPE_CHECKING:
    from sim.live.room import Room
    from sim.schema.stack import Stack

LOOPBACK = "127.0.0.1"
PORTS = 65535


def play(
    scenario: str = "container_crash",
    /,
    *,
    platform: str = "compose,kubernetes",
    stack: StackOf = None,
    reading: ReadingOf = AS_GUESSED,
    seed: Seed = 1,
    class_: Annotated[bool, Parameter(name="--class", negative="")] = False,
    port: Whole = 8711,
    host: str = LOOPBACK,
    browser: bool = True,
) -> int:
    """Open a page on which an incident runs: break something, or be the operator.

    Ends with Ctrl-C. Nothing leaves this machine unless --host says so.

    Parameters
    ----------
    scenario
        What the page begins with; another one is chosen there.
    platform
        Names of platforms side by side, separated by commas.
    class_
        Students join by a link and need a browser only; the board is the teacher's.
    port
        Of this machine.
    host
        Address on which to listen: beyond this machine a class's code is needed.
    browser
        Open the page in the browser.
    """
    from sim.library.scenarios import list_scenarios, load_scenario  # noqa: PLC0415
    from sim.live.incident import LiveIncident, Opening  # noqa: PLC0415
    from sim.live.room import Room, token  # noqa: PLC0415
    from sim.platforms import names as list_platforms  # noqa: PLC0415

    if host != LOOPBACK and not class_:
        expected = "--class with it: who comes from elsewhere needs its code"
        raise InputError(field=f"--host {host}", found="no --class", expected=expected)
    chosen = tuple(names(platform) or ())
    opening = Opening(scenario=scenario, platforms=chosen, seed=seed)
    own = _corrected(stack, reading)
    LiveIncident(opening, own)
    packaged = {
        full
        for name in list_scenarios()
        for full in (name, *(f"{name}:{variant}" for variant in load_scenario(name).variants))
    }
    room = Room(
        opening,
        frozenset({*packaged, scenario}),
        frozenset({*list_platforms(), *chosen}),
        own,
        code=token()[:6] if class_ else "",
    )
    return _serve(room, host, port, browser)


def _corrected(name: str | None, reading: Reading) -> str | Stack | None:
    """The stack as the user says it is to be read; its `source` are the words that say so."""
    from sim.library.stacks import load_stack  # noqa: PLC0415

    if not reading.corrections:
        return name
    if name is None:
        raise InputError("--role, --link", found="no file of yours", expected="--stack FILE")
    words = shlex.join([name, *reading.words])
    return load_stack(name, reading.corrections).model_copy(update={"source": words})


def _serve(room: Room, host: str, port: int, browser: bool) -> int:
    """Until Ctrl-C."""
    import uvicorn  # noqa: PLC0415

    from sim.live.messages import MOST_BYTES  # noqa: PLC0415
    from sim.live.server import application  # noqa: PLC0415

    listening = _listen(host, port)
    home = f"http://{host}:{port}/"
    link = f"{home}?code={room.code}" if room.code else home
    if room.code:
        print(f"students: {link}\nthe board: {home}board?key={room.key}&code={room.code}")
    else:
        print(f"the page: {link}")
    print("Ctrl-C ends it.", flush=True)
    if browser:
        opened = f"{home}board?key={room.key}&code={room.code}" if room.code else link
        threading.Timer(0.5, _open, [opened]).start()
    hosts = ["127.0.0.1", "localhost", host] if host == LOOPBACK else ["*"]
    config = uvicorn.Config(
        application(room, hosts), log_level="warning", ws="websockets-sansio", lifespan="on",
        ws_max_size=MOST_BYTES, timeout_graceful_shutdown=2,
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()  # signals are this thread's business
    try:
        while thread.is_alive():
            thread.join(0.5)
    except KeyboardInterrupt:
        server.should_exit = True
        thread.join(5)
        return say("the page has ended; a link that was copied opens it again", INTERRUPTED)
    return DONE


def _listen(host: str, port: int) -> socket.socket:
    """A socket on this address. `InputError` where it is taken, or is none of this machine."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    if not 0 <= port <= PORTS:
        raise InputError(field="--port", found=str(port), expected=f"a number from 0 to {PORTS}")
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except (OSError, OverflowError) as error:
        found = getattr(error, "strerror", None) or str(error)
        expected = f"a port that is free, such as --port {port + 1}, and an address of this machine"
        raise InputError(field=f"--port {port}", found=found.lower(), expected=expected) from None
    return listening


def _open(link: str) -> None:
    if not webbrowser.open(link):
        print(f"no browser could be opened here: open {link}", file=sys.stderr)
