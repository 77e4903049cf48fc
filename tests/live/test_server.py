"""The routes and websockets, as a browser uses them."""

import json
from contextlib import ExitStack

import pytest
from starlette.testclient import TestClient

from sim.live.incident import Opening
from sim.live.room import Room
from sim.live.seat import Bucket
from sim.live.server import application

OPENING = Opening(scenario="container_crash", platforms=("compose",))


@pytest.fixture
def client():
    """A room, and a browser of it: all of a test in one event loop, as the server has one."""
    with ExitStack() as stack:

        def opened(code=""):
            names = frozenset({"container_crash"})
            room = Room(OPENING, names, frozenset({"compose"}), code=code)
            app = application(room, ["testserver"])
            return room, stack.enter_context(TestClient(app))

        yield opened


def until(socket, wanted):
    """The first frame of which `wanted` holds."""
    for _ in range(200):
        frame = json.loads(socket.receive_text())
        if wanted(frame):
            return frame
    raise AssertionError("no such frame")


@pytest.mark.parametrize("path", ["/", "/board", "/play.js", "/play.css", "/uPlot.js"])
def test_pages_load_nothing_from_elsewhere(path, client):
    _, http = client()
    answer = http.get(path)
    assert answer.status_code == 200
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    if path in ("/", "/board"):
        assert "http://" not in answer.text
        assert "https://" not in answer.text


@pytest.mark.parametrize("path", ["/x.js", "/uPlot.LICENSE", "/..%2fserver.py", "/__init__.py"])
def test_nothing_else_is_read(path, client):
    assert client()[1].get(path).status_code == 404


def test_another_host_is_refused(client):
    _, http = client()
    assert http.get("/", headers={"host": "evil.example"}).status_code == 400


def test_a_page_of_another_server_gets_no_seat(client):
    room, http = client()
    with http.websocket_connect("/live", headers={"origin": "http://evil.example"}) as socket:
        assert "refused" in json.loads(socket.receive_text())
    assert room.places == {}


def test_a_kill_by_a_click_is_seen_and_a_link_brings_it_back(client):
    _room, http = client()
    with http.websocket_connect("/live") as socket:
        first = until(socket, lambda frame: "token" in frame)
        assert first["whole"]
        assert first["sides"][0]["containers"]
        socket.send_text('{"do":"go","to":100}')
        socket.send_text('{"do":"act","event":{"operator_kill":{"service":"http"}}}')
        killed = until(socket, lambda frame: frame["deeds"])
        states = {box["name"]: box["state"] for box in killed["sides"][0]["containers"]}
        assert states["api-1"] == "exited"
        assert killed["t"] == 100.0
        report = http.get(f"/seat/{first['token']}/0/report.html")
        assert report.status_code == 200
        assert "<svg" in report.text
        script = http.get(f"/seat/{first['token']}/0/scenario.yaml").text
        assert "at: 100.0s" in script
    with http.websocket_connect(f"/live?token={first['token']}") as socket:  # the same seat
        back = until(socket, lambda frame: "token" in frame)
        assert back["token"] == first["token"]
        assert back["t"] == 100.0
    with http.websocket_connect("/live") as socket:  # another one, from the link
        until(socket, lambda frame: "token" in frame)
        deeds = [{k: v for k, v in deed.items() if k != "text"} for deed in killed["deeds"]]
        opened = {"do": "open", "opening": first["opening"], "deeds": deeds, "at": 120.0}
        socket.send_text(json.dumps(opened))
        there = until(socket, lambda frame: frame["t"] == 120.0)
        assert there["whole"]
        assert there["deeds"] == killed["deeds"]


def test_it_runs_by_itself_until_it_is_paused(client):
    _, http = client()
    with http.websocket_connect("/live") as socket:
        until(socket, lambda frame: "token" in frame)
        socket.send_text('{"do":"speed","times":600}')
        socket.send_text('{"do":"run"}')
        until(socket, lambda frame: frame["t"] > 300)
        socket.send_text('{"do":"pause"}')
        assert not until(socket, lambda frame: not frame["running"])["over"]


@pytest.mark.parametrize(
    "text", ["{", '{"do":"act","event":{"nix":{}}}', '{"do":"type","line":"x"}']
)
def test_what_cannot_be_is_one_line_and_the_seat_goes_on(text, client):
    _, http = client()
    with http.websocket_connect("/live") as socket:
        until(socket, lambda frame: "token" in frame)
        socket.send_text(text)
        error = until(socket, lambda frame: "error" in frame)["error"]
        assert error
        assert "\n" not in error
        socket.send_text('{"do":"go","to":20}')
        until(socket, lambda frame: frame["t"] == 20.0)


def test_a_thousand_commands_at_once_are_told_and_nobody_else_notices(client):
    room, http = client()
    with http.websocket_connect("/live") as loud, http.websocket_connect("/live") as quiet:
        token = until(loud, lambda frame: "token" in frame)["token"]
        until(quiet, lambda frame: "token" in frame)
        # however slow the machine is: five, and none comes back
        room.places[token].seat.bucket = Bucket(rate=0.0, most=5.0)
        for number in range(1000):
            loud.send_text(f'{{"do":"go","to":{number / 1000}}}')
        quiet.send_text('{"do":"go","to":50}')
        until(quiet, lambda frame: frame["t"] == 50.0)
        last = until(loud, lambda frame: "too many" in frame.get("error", ""))
        assert last["t"] <= 0.004  # the fifth was done, and none after it


def test_a_class_on_the_wire(client):
    room, http = client(code="abc")
    with http.websocket_connect("/live?code=x") as socket:
        assert "code" in json.loads(socket.receive_text())["refused"]
    with http.websocket_connect("/live/board?key=no") as socket:
        assert "key" in json.loads(socket.receive_text())["refused"]
    assert http.get("/results/class.csv?key=no").status_code == 403
    with (
        http.websocket_connect("/live?code=abc&name=Ada") as student,
        http.websocket_connect(f"/live/board?key={room.key}") as board,
    ):
        frame = until(student, lambda frame: "questions" in frame)
        assert frame["questions"][0]["options"]
        assert not frame["predicted"]
        assert frame["answers"] is None
        assert "scenarios" not in frame
        student.send_text('{"do":"predict","choices":[3]}')
        until(student, lambda frame: frame.get("predicted"))
        board.send_text('{"do":"reveal"}')
        rows = until(board, lambda frame: frame["revealed"])["rows"]
        assert rows[0]["name"] == "Ada"
        assert rows[0]["right"] == 1
        assert until(student, lambda frame: frame.get("answers"))["answers"] == [3]
    assert "Ada" in http.get(f"/results/class.csv?key={room.key}").text


def test_a_class_of_thirty_and_one_who_was_cut_off(client):
    room, http = client(code="abc")
    with ExitStack() as stack:
        sockets = [
            stack.enter_context(http.websocket_connect(f"/live?code=abc&name=n{k}"))
            for k in range(30)
        ]
        tokens = [until(each, lambda frame: "token" in frame)["token"] for each in sockets]
        assert len(set(tokens)) == 30
        for each in sockets:
            each.send_text('{"do":"predict","choices":[3]}')
        sockets[0].send_text('{"do":"act","event":{"operator_kill":{"service":"worker"}}}')
        until(sockets[0], lambda frame: frame.get("deeds"))
        until(sockets[1], lambda frame: frame.get("predicted"))
        sockets[1].send_text('{"do":"go","to":60}')
        assert not until(sockets[1], lambda frame: frame["t"] == 60)["deeds"]  # a seat of its own
        sockets[7].close()
        back = stack.enter_context(http.websocket_connect(f"/live?code=abc&token={tokens[7]}"))
        frame = until(back, lambda frame: "token" in frame)
        assert (frame["token"], frame["name"], frame["predicted"]) == (tokens[7], "n7", True)
        assert [row["name"] for row in room.board()] == sorted(f"n{k}" for k in range(30))
