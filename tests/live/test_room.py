"""Seats and the class: who may do what, and what the board shows."""

import csv
import io

import pytest

from sim.live.incident import Opening
from sim.live.messages import read
from sim.live.room import KEPT_S, MOST_SEATS, RESTS_S, Room
from sim.live.seat import Bucket, Feed
from sim.schema.fields import InputError

OPENING = Opening(scenario="container_crash", platforms=("compose",))


def room(code=""):
    names = frozenset({"container_crash", "server_crash"})
    return Room(OPENING, names, frozenset({"compose", "kubernetes"}), code=code)


def send(there, place, text):
    message = read(text)
    there.may(place, message)
    place.seat.take(message)


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", '{"do":"rm"}', '{"do":"speed","times":1e9}', '{"do":"speed","times":null}',
        '{"do":"go","to":-1}', '{"do":"go","to":NaN}', '{"do":"type","line":"' + "x" * 201 + '"}',
        '{"do":"act","event":{}}', '{"do":"act","event":{"a":1,"b":2}}', '{"do":"run","x":1}',
        '{"do":"open","opening":{"scenario":"s","platforms":[]}}',
        '{"do":"predict","choices":[99]}',
    ],
)  # fmt: skip
def test_a_message_that_cannot_be_is_one_line(text):
    with pytest.raises(InputError) as caught:
        read(text)
    assert len(str(caught.value).splitlines()) == 1


def test_nothing_that_is_sent_names_a_file():
    there = room()
    _, place = there.enter("", "", "", 0.0)
    for name in ("../secret.yaml", "/etc/passwd", "tests/x.yaml"):
        opening = f'{{"scenario":"{name}","platforms":["compose"]}}'
        with pytest.raises(InputError, match="scenario"):
            send(there, place, f'{{"do":"open","opening":{opening}}}')
        opening = f'{{"scenario":"container_crash","platforms":["{name}"]}}'
        with pytest.raises(InputError, match="platform"):
            send(there, place, f'{{"do":"open","opening":{opening}}}')
    assert place.seat.opening == OPENING


def test_a_frame_holds_what_is_new_to_its_screen():
    there = room()
    _, place = there.enter("", "", "", 0.0)
    first, second = Feed(), Feed()
    assert place.seat.frame(first)["whole"]
    send(there, place, '{"do":"go","to":310}')
    frame = place.seat.frame(first)
    assert not frame["whole"]
    assert len(frame["sides"][0]["curve"]) == 62
    assert [row["event"] for row in frame["sides"][0]["rows"]] == ["exit"]
    assert place.seat.frame(first)["sides"][0]["rows"] == []
    assert len(place.seat.frame(second)["sides"][0]["rows"]) == 1  # another screen, from its start
    send(there, place, '{"do":"go","to":5}')
    assert place.seat.frame(first)["whole"]


def test_a_clock_runs_at_its_speed_until_the_end():
    there = room()
    _, place = there.enter("", "", "", 0.0)
    assert not place.seat.tick(1.0)
    send(there, place, '{"do":"speed","times":60}')
    send(there, place, '{"do":"run"}')
    assert place.seat.tick(0.25)
    assert place.seat.incident.now == 15.0
    assert place.seat.tick(100.0)
    assert place.seat.incident.over
    assert not place.seat.running
    assert not place.seat.tick(1.0)


def test_a_seat_that_nobody_looks_at_rests_and_ends():
    there = room()
    key, place = there.enter("", "", "", 0.0)
    send(there, place, '{"do":"go","to":100}')
    send(there, place, '{"do":"act","event":{"operator_kill":{"service":"http"}}}')
    send(there, place, '{"do":"go","to":200}')
    rows = list(place.seat.incident.sides[0].rows)
    there.leave(place, 0.0)
    there.sweep(RESTS_S + 1)
    assert place.seat._incident is None
    again, place = there.enter(key, "", "", RESTS_S + 2)  # a dropped connection comes back
    assert again == key
    assert place.seat.incident.now == 200.0
    assert place.seat.incident.sides[0].rows == rows
    there.leave(place, 1000.0)
    there.sweep(1000.0 + KEPT_S + 1)
    assert there.places == {}


def test_a_seat_that_stands_still_keeps_no_run_though_somebody_looks_at_it():
    there = room()
    _, place = there.enter("", "", "", 0.0)
    place.seat.incident.advance(400.0)
    before, feed = place.seat.frame(Feed()), Feed()
    place.seat.frame(feed)
    place.seat.running = True
    there.sweep(RESTS_S + 1)
    assert place.seat._incident is not None  # it runs
    place.seat.running = False
    there.sweep(RESTS_S + 2)
    assert place.seat._incident is None
    again = place.seat.frame(feed)  # the same connection goes on where it was
    assert not again["whole"]
    assert all(side["rows"] == [] == side["curve"] for side in again["sides"])
    assert [side["gauge"] for side in again["sides"]] == [s["gauge"] for s in before["sides"]]


def test_a_room_has_so_many_seats():
    there = room()
    for _ in range(MOST_SEATS):
        there.enter("", "", "", 0.0)
    with pytest.raises(InputError, match="taken"):
        there.enter("", "", "", 0.0)


def test_tokens_of_a_bucket():
    bucket = Bucket(rate=2.0, most=3.0)
    assert [bucket.take(0.0) for _ in range(4)] == [True, True, True, False]
    assert bucket.take(0.5)
    assert not bucket.take(0.5)
    assert [bucket.take(100.0) for _ in range(4)] == [True, True, True, False]


# ---- the class ----
def test_a_class_wants_its_code_and_a_name():
    there = room(code="abc")
    with pytest.raises(InputError, match="code"):
        there.enter("", "Ada", "abd", 0.0)
    with pytest.raises(InputError, match="name"):
        there.enter("", " ", "abc", 0.0)
    there.enter("", "Ada", "abc", 0.0)


def test_nobody_sees_before_having_guessed():
    there = room(code="abc")
    _, place = there.enter("", "Ada", "abc", 0.0)
    for text in ('{"do":"run"}', '{"do":"jump"}', '{"do":"go","to":900}', '{"do":"take"}',
                 '{"do":"act","event":{"operator_kill":{"service":"http"}}}'):  # fmt: skip
        with pytest.raises(InputError, match="prediction"):
            send(there, place, text)
    with pytest.raises(InputError, match="1 answers"):
        send(there, place, '{"do":"predict","choices":[1,2]}')
    send(there, place, '{"do":"predict","choices":[3]}')
    send(there, place, '{"do":"run"}')
    with pytest.raises(InputError, match="second"):
        send(there, place, '{"do":"predict","choices":[4]}')
    opening = '{"scenario":"server_crash","platforms":["compose"]}'
    with pytest.raises(InputError, match="class"):
        send(there, place, f'{{"do":"open","opening":{opening}}}')


def test_the_board_pauses_reveals_and_ranks():
    there = room(code="abc")
    places = [there.enter("", name, "abc", 0.0)[1] for name in ("Ada", "Bob", "=SUM(A1)")]
    for place, choice in zip(places, (5, 3, 0), strict=True):
        send(there, place, f'{{"do":"predict","choices":[{choice}]}}')
    send(there, places[0], '{"do":"run"}')
    there.teach(read('{"do":"all_pause"}'))
    assert not places[0].seat.running
    with pytest.raises(InputError, match="pause"):
        send(there, places[0], '{"do":"run"}')
    there.teach(read('{"do":"all_run"}'))
    send(there, places[0], '{"do":"go","to":1800}')
    assert all(row["right"] is None for row in there.board())
    there.teach(read('{"do":"reveal"}'))
    rows = there.board()
    assert next(row["name"] for row in rows) == "Bob"  # 4 min 05 s: two to ten minutes
    assert {row["name"]: row["right"] for row in rows} == {"Ada": 0, "Bob": 1, "=SUM(A1)": 0}
    table = list(csv.DictReader(io.StringIO(there.results())))
    assert {row["name"] for row in table} == {"Ada", "Bob", "'=SUM(A1)"}  # no formula
    assert next(row for row in table if row["name"] == "Ada")["t"] == "1800.0"


def test_the_same_incident_for_all_begins_anew():
    there = room(code="abc")
    _, place = there.enter("", "Ada", "abc", 0.0)
    send(there, place, '{"do":"predict","choices":[3]}')
    there.teach(read('{"do":"reveal"}'))
    there.open_all(Opening(scenario="server_crash", platforms=("compose",), you="compose"))
    assert place.seat.choices == ()
    assert place.seat.incident.now == 0.0
    assert not there.revealed
    assert place.seat.opening.scenario == "server_crash"
    with pytest.raises(InputError):
        there.open_all(Opening(scenario="nix", platforms=("compose",)))
