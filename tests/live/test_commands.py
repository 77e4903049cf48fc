"""What one types, and the event that it means: a table, and a run for each command."""

import re

import pytest

from sim import list_platforms
from sim.live.commands import COMMANDS, Command, read, usages
from sim.live.incident import Deed, LiveIncident, Opening
from sim.schema.fields import InputError


def box(name, service, state="ready"):
    return {"name": name, "service": service, "state": state, "restarts": 0, "server": "server-1",
            "inside": 0, "waiting": 0, "memory": 2**20, "connections": 1}  # fmt: skip


VIEW = {
    "containers": [
        box("api-1", "api", "exited"), box("api-2", "api"), box("api-3", "api"),
        box("worker-1", "worker"),
    ],
    "servers": [{"name": "server-1", "state": "up", "cores": 4.0, "containers": ["api-2"]}],
}  # fmt: skip


@pytest.mark.parametrize(
    ("platform", "line", "event"),
    [
        ("compose", "docker compose up -d", {"start": {}}),
        ("compose", "docker-compose up -d api", {"start": {}}),
        ("compose", "docker start api-1", {"start": {}}),
        ("compose", "docker restart api-3", {"restart": {"service": "api", "replica": 1}}),
        ("compose", "docker container restart -t 5 api-2",
         {"restart": {"service": "api", "replica": 0}}),
        ("compose", "docker stop api-2", {"operator_stop": {"service": "api", "which": 0}}),
        ("compose", "docker compose up -d --scale api=4", {"scale": {"services": {"api": 4}}}),
        ("compose", "docker compose up --scale=api=2 -d", {"scale": {"services": {"api": 2}}}),
        ("compose", "docker update --cpus 0.5 api-2", {"resize": {"service": "api", "cpu": "0.5"}}),
        ("swarm", "docker service scale api=9", {"scale": {"services": {"api": 9}}}),
        ("swarm", "docker service update --force worker", {"restart": {"service": "worker"}}),
        ("kubernetes", "k rollout undo deploy api", {"rollback": {"service": "api"}}),
        ("kubernetes", "kubectl -n shop rollout restart deployment/api",
         {"restart": {"service": "api"}}),
        ("kubernetes", "kubectl scale --replicas=5 deployment api",
         {"scale": {"services": {"api": 5}}}),
        ("kubernetes", "kubectl delete pod/api-3 --grace-period=0",
         {"operator_stop": {"service": "api", "which": 1}}),
        ("kubernetes_tuned", "kubectl drain server-1 --ignore-daemonsets",
         {"drain": {"server": 0}}),
        ("swarm", "cut server-1 60", {"partition": {"side": ["server-1"], "lasts": 60}}),
        ("swarm", "mend server-1", {"mend_network": {"side": ["server-1"]}}),
        ("nomad", "redis-cli -h api flushall async", {"cache_flush": {"service": "api"}}),
        ("nomad", "nomad job revert api", {"rollback": {"service": "api"}}),
        ("ecs_fargate", "aws ecs update-service --cluster prod --desired-count 6 --service api",
         {"scale": {"services": {"api": 6}}}),
    ],
)  # fmt: skip
def test_a_line_means_an_event(platform, line, event):
    assert read(line, platform, VIEW, ())[0] == event


@pytest.mark.parametrize(
    ("platform", "line", "words"),
    [
        ("compose", "kubectl get pods", "a command of `help`"),
        ("compose", "docker rstart api-2", "did you mean docker restart CONTAINER"),
        ("compose", "docker stop api-9", "one of api-1, api-2"),
        ("compose", "docker stop api-1", "which is down"),
        ("compose", "docker compose restart apj", "did you mean api"),
        ("compose", "docker stop 'api-2", "a quote"),
        ("compose", "", "nothing"),
        ("compose", "docker stop api-2; rm -rf /", "a command of `help`"),
        ("kubernetes", "kubectl drain server-9", "one of server-1"),
    ],
)
def test_a_line_that_nobody_understands_is_told(platform, line, words):
    with pytest.raises(InputError) as caught:
        read(line, platform, VIEW, ())
    assert words in str(caught.value)


@pytest.mark.parametrize("line", ["docker ps", "docker ps -a", "docker compose ps", "docker stats"])
def test_a_look_shows_and_does_nothing(line):
    event, answer = read(line, "compose", VIEW, ())
    assert event is None
    assert "api-1" in answer


def test_each_platform_has_its_commands_and_help_lists_them():
    for platform in list_platforms():
        listed = usages(platform)
        assert any(isinstance(c, Command) for c in COMMANDS if platform in c.platforms), platform
        answer = read("help", platform, VIEW, ())[1]
        assert all(row["usage"] in answer for row in listed)


NAMES = {"SERVICE": "api", "CONTAINER": "api-1", "SERVER": "server-1", "CORES": "0.5", "N": "4"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "platform"),
    [(c, c.platforms[0]) for c in COMMANDS if isinstance(c, Command)],
    ids=lambda value: value if isinstance(value, str) else value.usage,
)
def test_each_command_does_something_where_it_is_typed(command, platform):
    """Typed in an incident, it leaves a line in the timeline of your side alone."""
    cached = "cache_flush" in command.event
    scenario = "cold_cache" if cached else "container_crash:worker"
    incident = LiveIncident(Opening(scenario=scenario, platforms=(platform,), you=platform))
    incident.advance(60.0)
    yours, hers = incident.sides
    typed = NAMES | ({"SERVICE": "cache"} if cached else {})
    line = re.sub(r"[A-Z]+", lambda word: typed.get(word[0], word[0]), command.usage)
    names = [box["name"] for box in yours.view["containers"] if box["service"] == "api"]
    line = line.replace("api-1", names[0]).replace("[", "").replace("]", "")
    event, _ = read(line, platform, yours.view, yours.rows)
    incident.do(Deed(at=60.0, event=event, to="you", typed=line))
    incident.advance(280.0)
    assert yours.rows, line
    assert hers.rows == []
