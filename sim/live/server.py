"""The page's server: Starlette's routes and websockets over a room.

Frames go out four times a second while an incident runs, and at once after each input. Runs are
computed in one thread beside the event loop, so that a long jump of one person delays others and
breaks nobody's connection.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from importlib.resources import files
from typing import Any, TypeVar
from urllib.parse import urlsplit

import anyio
from anyio import to_thread
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from sim.live.messages import Begin, Teach, read
from sim.live.room import Desk, Room
from sim.live.seat import Feed
from sim.report import colours
from sim.report.page import document
from sim.schema.fields import InputError

FRAME_S = 0.25
SHARED = {"uPlot.js", "uPlot.css"}
KINDS = {"css": "text/css", "js": "text/javascript", "html": "text/html"}
# nothing from elsewhere is loaded, and no other page may show this one
POLICY = (
    "default-src 'self'; connect-src 'self' ws: wss:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; frame-ancestors 'none'"
)
HEADERS = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff",
           "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}  # fmt: skip

T = TypeVar("T")


def application(room: Room, hosts: list[str]) -> Starlette:
    """The routes of a room; `hosts`: the names by which this machine may be called."""
    limiter = anyio.CapacityLimiter(1)

    async def compute(function: Callable[[], T]) -> T:
        return await to_thread.run_sync(function, limiter=limiter)

    async def live(socket: WebSocket) -> None:
        await _seat(socket, room, compute)

    async def board(socket: WebSocket) -> None:
        await _board(socket, room, compute)

    async def side(request: Request) -> Response:
        return await compute(lambda: _side(request, room))

    async def results(request: Request) -> Response:
        if request.query_params.get("key") != room.key or not room.code:
            return PlainTextResponse("the teacher's key is wanted\n", 403)
        text = await compute(room.results)
        return Response(text, media_type="text/csv", headers=HEADERS)

    @asynccontextmanager
    async def sweeping(_: Starlette) -> AsyncIterator[None]:
        async def sweep() -> None:
            while True:
                await asyncio.sleep(30)
                await compute(lambda: room.sweep(time.monotonic()))

        task = asyncio.create_task(sweep())
        yield
        task.cancel()

    return Starlette(
        routes=[
            Route("/", _page("play.html")),
            Route("/board", _page("board.html")),
            Route("/{name}.{kind:str}", _asset),
            Route("/seat/{token}/{side:int}/{what}", side),
            Route("/results/class.csv", results),
            WebSocketRoute("/live", live),
            WebSocketRoute("/live/board", board),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=hosts)],
        lifespan=sweeping,
    )


# ---- pages ----
def _read(name: str) -> str:
    """A file of the page, or one that it shares with report.html."""
    if name in SHARED:
        return document.source(name)
    text = files("sim.live").joinpath("page", name).read_text(encoding="utf-8")
    return colours.css() + text if name == "play.css" else text


def _page(name: str) -> Callable[[Request], Response]:
    return lambda _: Response(_read(name), media_type="text/html", headers=HEADERS)


def _asset(request: Request) -> Response:
    name, kind = request.path_params["name"], request.path_params["kind"]
    folder = files("sim.live").joinpath("page")
    known = {item.name for item in folder.iterdir()} | SHARED
    if f"{name}.{kind}" not in known or kind not in KINDS:
        return PlainTextResponse("no such file\n", 404)
    return Response(_read(f"{name}.{kind}"), media_type=KINDS[kind], headers=HEADERS)


def _side(request: Request, room: Room) -> Response:
    """report.html or scenario.yaml of one side of a seat."""
    path = request.path_params
    place = room.places.get(path["token"])
    if place is None or path["side"] >= len(place.seat.incident.sides):
        return PlainTextResponse("this incident has ended: open it from its link\n", 404)
    incident = place.seat.incident
    if path["what"] == "report.html":
        return Response(incident.page(path["side"]), media_type="text/html")
    if path["what"] == "scenario.yaml":
        text = incident.script(path["side"])
        headers = {"Content-Disposition": "attachment; filename=scenario.yaml", **HEADERS}
        return Response(text, media_type="application/yaml", headers=headers)
    return PlainTextResponse("report.html or scenario.yaml\n", 404)


# ---- websockets ----
def _is_ours(socket: WebSocket) -> bool:
    """Was the page that asks sent by this server? A browser says so truly."""
    origin = socket.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == socket.headers.get("host")


async def _seat(socket: WebSocket, room: Room, compute: Any) -> None:
    """One screen of one person, until it closes."""
    await socket.accept()
    query = socket.query_params
    try:
        if not _is_ours(socket):
            raise InputError(found="a page of another server", expected="this server's own")
        name, code = query.get("name", ""), query.get("code", "")
        key, place = room.enter(query.get("token", ""), name, code, time.monotonic())
    except InputError as error:
        await socket.send_text(json.dumps({"refused": str(error)}))
        await socket.close()
        return
    try:
        await _serve(socket, room, compute, key, place)
    except (WebSocketDisconnect, RuntimeError):
        pass  # the screen is gone: its seat waits for it
    finally:
        room.leave(place, time.monotonic())


async def _serve(socket: WebSocket, room: Room, compute: Any, key: str, place: Desk) -> None:
    feed, seat, changed, order = Feed(), place.seat, asyncio.Event(), asyncio.Lock()

    async def show(extra: dict[str, Any] | None = None) -> None:
        async with order:  # what is new to this screen is sent in the order in which it was read
            frame = await compute(lambda: json.dumps({**seat.frame(feed), **(extra or {})}))
            await socket.send_text(frame)

    def about() -> dict[str, Any]:
        """What belongs to the room."""
        facts: dict[str, Any] = {"token": key, "name": seat.name, "class": bool(room.code)}
        facts["titles"] = room.titles
        facts |= {"predicted": bool(seat.choices), "held": room.held}
        if room.code:
            facts |= {"questions": room.questions, "choices": seat.choices}
            facts["answers"] = room.answers() if room.revealed else None
        else:
            facts |= {"scenarios": sorted(room.scenarios), "platforms": sorted(room.platforms)}
        return facts

    async def clock() -> None:
        """Frames while it runs; the room's news at any time."""
        last, news = time.monotonic(), None
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), FRAME_S)
            changed.clear()
            now = time.monotonic()
            passed, last = min(now - last, 1.0), now
            moved = await compute(lambda passed=passed: seat.tick(passed))
            state = (room.revealed, room.held, seat.replays, bool(seat.choices))
            if moved or state != news:
                extra = await compute(about) if state != news else None
                news = state
                await show(extra)

    task = asyncio.create_task(clock())
    try:
        while True:
            text = await socket.receive_text()
            if not seat.bucket.take(time.monotonic()):
                continue  # told by the one before
            answer = await compute(lambda text=text: _heed(room, place, text))
            if not seat.bucket.left >= 1:
                answer = "too many commands at once: the next ones are not read"
            await show({"error": answer} if answer else None)
            changed.set()
    finally:
        task.cancel()


def _heed(room: Room, place: Desk, text: str) -> str:
    """Do what a message says; what is wrong with it, in one line, or nothing."""
    try:
        message = read(text)
        room.may(place, message)
        place.seat.take(message)
    except InputError as error:
        return str(error).splitlines()[0]
    return ""


async def _board(socket: WebSocket, room: Room, compute: Any) -> None:
    """The teacher's screen: everybody, once a second."""
    await socket.accept()
    if not room.code or socket.query_params.get("key") != room.key or not _is_ours(socket):
        await socket.send_text(json.dumps({"refused": "the teacher's key is wanted"}))
        await socket.close()
        return

    async def show(error: str = "") -> None:
        def frame() -> str:
            about = {
                "opening": room.opening.model_dump(), "held": room.held,
                "revealed": room.revealed, "rows": room.board(), "error": error,
                "scenarios": sorted(room.scenarios), "platforms": sorted(room.platforms),
                "titles": room.titles, "questions": room.questions,
                "answers": room.answers() if room.revealed else None,
            }  # fmt: skip
            return json.dumps(about)

        await socket.send_text(await compute(frame))

    def heed(text: str) -> str:
        try:
            match read(text):
                case Teach() as message:
                    room.teach(message)
                case Begin(opening=opening):
                    room.open_all(opening)
                case message:
                    return f"`{message.do}` is no message of the board"
        except InputError as error:
            return str(error).splitlines()[0]
        return ""

    try:
        await show()
        while True:
            error = ""
            with suppress(TimeoutError):
                text = await asyncio.wait_for(socket.receive_text(), 1.0)
                error = await compute(lambda text=text: heed(text))
            await show(error)
    except (WebSocketDisconnect, RuntimeError):
        pass
