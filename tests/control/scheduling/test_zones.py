"""Zones: where servers and replicas go, and what the loss of a zone does on each platform."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from math import log

import pytest

from sim.control.core.wires import emptiest
from sim.control.scheduling.placement import Load, Resources, best, spread
from sim.control.scheduling.tasks import SpreadNode, binpack_choice, even_spread, spread_choice
from sim.platforms import load as choices_of
from sim.results.metrics import percentile
from tests.control.outage import replay, rows, when
from tests.control.world import World, stack_of

GIB = 1024**3
ZONES = {"stack.servers.zones": ["a", "b", "c"], "stack.services.http.replicas": 3}
LOST = {"at": 100, "zone_down": {"zone": "a", "lasts": 60.0}}


def load(ident: int, same: int, zone: str, near: int, cores: float = 0.0) -> Load:
    return Load(ident, Resources(4.0, 8 * GIB), Resources(cores, 0), same, zone, near)


# ---- rules ----
@pytest.mark.parametrize(
    ("counts", "zone"),
    [
        ({"a": 0, "b": 0}, "a"),  # the first as written
        ({"a": 1, "b": 0, "c": 0}, "b"),
        ({"a": 1, "b": 1, "c": 0}, "c"),
        ({}, ""),  # no labels
    ],
)
def test_the_next_server_goes_to_the_emptiest_zone(counts: dict[str, int], zone: str) -> None:
    assert emptiest(counts) == zone


def test_kubernetes_scores_servers_and_zones() -> None:
    """Two servers in a with one replica, one empty in b: raw = n ln 5 + 2 and near ln 4 + 4."""
    raw = [log(5) + 2 + log(4) + 4, 2 + log(4) + 4, 2 + 4]
    expected = [100 * (raw[0] + raw[2] - each) / raw[0] for each in raw]
    assert spread([1, 0, 0], 3, [1, 1, 0], 2, 5) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("near", "zones", "boost"),
    [
        (0, [], 0.0),  # nothing is placed yet
        (0, [1], 1.0),  # ours has none
        (1, [1], -1.0),  # even
        (1, [1, 2], 1.0),
        (2, [1, 2], -1.0),
        (2, [2, 3], 0.5),
    ],
)
def test_nomad_spreads_over_zones(near: int, zones: list[int], boost: float) -> None:
    assert even_spread(near, zones) == boost


CROWDED = [load(0, 1, "a", 1), load(1, 0, "a", 1), load(2, 0, "b", 0, cores=1.0)]


@pytest.mark.parametrize("platform", ["kubernetes", "nomad", "swarm"])
def test_an_empty_zone_comes_before_an_empty_server(platform: str) -> None:
    wanted = Resources(0.5, GIB)
    chosen = {
        "kubernetes": best(CROWDED, wanted, 3, (1.0, 1.0, 2.0)),
        "nomad": binpack_choice(CROWDED, wanted, 3),
        "swarm": spread_choice([SpreadNode(one, 0) for one in CROWDED], wanted),
    }
    assert chosen[platform] == 2


def test_servers_and_replicas_are_spread() -> None:
    world = World(stack_of({"api": {"replicas": 3}}, zones=["a", "b"]), servers=4)
    cluster = world.cluster
    assert [server.zone for server in cluster.servers] == ["a", "b", "a", "b"]
    assert Counter(c.server.zone for c in cluster.of("api")) == {"a": 2, "b": 1}
    cluster.set_zone("a", lost=True)
    assert cluster.add_server().zone == cluster.add_server().zone == "b"
    cluster.set_zone("a", lost=False)
    assert cluster.add_server().zone == "a"


def test_a_cloud_disk_stays_in_its_zone() -> None:
    """Two servers are free, and none of them is where the volume is."""
    world = World(stack_of({"postgres": {}}, zones=["a", "b"]), servers=3)
    cluster = world.cluster
    home = cluster.of("postgres")[0].server
    assert home.zone == "a"
    able = cluster.choices.scheduling.able(cluster, "postgres")
    assert {server.zone for server in able} == {"a"}
    assert {server.zone for server in cluster.choices.scheduling.able(cluster, "api")} == {"a", "b"}


LARGE = {"role": "http", "cpu": {"request": 2.5}, "memory": {"request": "4Gi"}}  # of 4 cores, 8 GiB
FULL = {
    "postgres": {"memory": {"request": "1Gi"}, "cpu": {"request": 0.5}},
    "api": LARGE,
    "front": LARGE,
}
COPY = {"role": "postgres", "follows": {"primary": "postgres"}}


@pytest.mark.parametrize("platform", ["kubernetes", "swarm", "nomad", "ecs_fargate"])
@pytest.mark.parametrize("zones", [["a", "b", "c"], []])
def test_a_copy_of_a_database_stands_apart_from_it(platform: str, zones: list[str]) -> None:
    """The primary is on the first server, and the other two are fuller: a database of its own would
    go to the first, too; a copy does not, as long as another one has room for it."""
    stack = stack_of({**FULL, "copy": COPY, "other": {"role": "postgres"}}, zones=zones)
    chosen = replace(choices_of(platform), self_healing=None)
    cluster = World(stack, chosen, servers=3).cluster
    primary, copy, other = (cluster.of(name)[0].server for name in ("postgres", "copy", "other"))
    assert copy is not primary
    assert not zones or copy.zone != primary.zone
    if platform in ("kubernetes", "swarm"):
        assert other is primary
    alone = World(stack_of({"postgres": {}, "copy": COPY}, zones=zones), chosen, servers=1).cluster
    assert len(alone.of("copy")) == 1, "rather beside it than nowhere"


def test_a_copy_goes_where_it_fits() -> None:
    """Of the servers elsewhere none has the cores that it asks for."""
    copy = COPY | {"cpu": {"request": 3.0}}
    cluster = World(stack_of({**FULL, "copy": copy}), servers=3).cluster
    assert cluster.of("copy")[0].server is cluster.of("postgres")[0].server


# ---- the loss ----
@pytest.mark.parametrize(
    "platform", ["compose", "kubernetes", "swarm", "nomad", "ecs_fargate", "cloud_run"]
)
def test_a_lost_zone_takes_its_servers_and_gives_them_back(platform: str) -> None:
    run = replay(LOST, platform=platform, horizon_s=600.0, settings=ZONES)
    assert when(run, "zone_down") == [100.0]
    assert when(run, "zone_up") == [160.0]
    assert min(when(run, "server_up")) > 160.0
    assert when(run, "listening")  # what ran there serves again


def test_for_good_nothing_comes_back() -> None:
    event = {"at": 100, "zone_down": {"zone": "a"}}
    run = replay(event, platform="kubernetes", horizon_s=900.0, settings=ZONES)
    assert not when(run, "zone_up")
    assert not when(run, "server_up")
    assert "zone a is lost with server-1" in rows(run, "zone_down")[0].text


def test_of_a_zone_that_is_to_be_back_nobody_restores_a_backup() -> None:
    """She gives a server up after 15 minutes; the provider says that this one comes back."""
    event = {"at": 100, "zone_down": {"zone": "a", "lasts": 3600.0}}
    run = replay(
        event, platform="compose", horizon_s=5400.0, settings={"stack.servers.zones": ["a"]}
    )
    (back,) = when(run, "zone_up")
    assert back < when(run, "listening")[-1] < back + 900.0
    assert {row.subject for row in rows(run, "server")} == set(), "she rents none"


@pytest.mark.parametrize("platform", ["kubernetes", "cloud_run", "nomad"])
def test_where_all_zones_are_lost_nothing_is_lent(platform: str) -> None:
    event = {"at": 100, "zone_down": {"zone": "a", "lasts": 2000.0}}
    run = replay(
        event, platform=platform, horizon_s=3000.0, settings={"stack.servers.zones": ["a"]}
    )
    assert not [t for t in when(run, "placed") if 300.0 < t < 2100.0]
    assert [t for t in when(run, "listening") if t > 2100.0], "... until it is back"


# ---- the network ----
def median(**settings: object) -> float:
    ask = {"stack.servers.zones": ["a", "b", "c"], **settings}
    run = replay(platform="kubernetes", horizon_s=300.0, rate=5.0, settings=ask)
    middle = percentile(run.recording.latency, 0.5, run.recording.latency_max_s)
    assert middle is not None
    return middle


def test_a_query_to_another_zone_takes_longer() -> None:
    """Two thirds of the replicas ask a database in another zone: 40 ms there and back, once."""
    plain, zoned = median(), median(**{"stack.network.between_zones": "40ms"})
    assert plain + 0.030 < zoned < plain + 0.050
    assert median(**{"stack.network.same_server": "40ms"}) < zoned


def test_a_path_that_is_slow_for_a_while() -> None:
    """Every query of the other zones' replicas waits for two seconds; users wait five. Afterwards
    all is as before."""
    slow_path = {"side": ["a"], "other_side": ["b"], "round_trip": "2s", "lasts": "100s"}
    event = {"at": 100, "latency": slow_path}
    ask = {"stack.servers.zones": ["a", "b", "c"], "stack.services.http.replicas": 3}
    run = replay(event, platform="kubernetes", horizon_s=300.0, rate=5.0, settings=ask)
    assert when(run, "latency") == [100.0]
    assert when(run, "latency_ends") == [200.0]
    sums, well = run.recording.latency_sum, run.recording.requests[:, 1]
    slow, calm = (float(sums[i:j].sum() / well[i:j].sum()) for i, j in ((110, 190), (210, 290)))
    assert calm < 0.2
    assert 0.4 < slow < 2.5


def test_a_path_between_two_services_is_one_between_their_servers() -> None:
    """Replicas on three servers, one of them the database's: two of three queries are slow."""
    slow_path = {"side": ["http"], "other_side": ["postgres"], "round_trip": "2s", "lasts": "100s"}
    run = replay(
        {"at": 100, "latency": slow_path}, platform="kubernetes", horizon_s=300.0, rate=5.0,
        settings={"stack.services.http.replicas": 3},
    )  # fmt: skip
    assert [row.text for row in run.timeline if row.event == "latency"] == [
        "a round trip between http and postgres takes 2s"
    ]
    sums, well = run.recording.latency_sum, run.recording.requests[:, 1]
    slow, calm = (float(sums[i:j].sum() / well[i:j].sum()) for i, j in ((110, 190), (210, 290)))
    assert calm < 0.2
    assert 1.0 < slow < 1.7
