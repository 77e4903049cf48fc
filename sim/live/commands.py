"""What one types on each platform, and the event that it means. A table: a line a command.

Words of a usage: `SERVICE`, `CONTAINER`, `SERVER` are names of the incident, `N` a whole number,
`CORES` a number; `[...]` may be left out; `--option=X` may be written `--option X`, anywhere.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from sim.report.text.columns import aligned
from sim.schema.fields import InputError
from sim.schema.text.validation import closest

DOCKER = ("compose", "compose_hardened")
KUBERNETES = ("kubernetes", "kubernetes_tuned")
OTHERS = ("swarm", "nomad", "ecs_fargate", "cloud_run")
UNDER_WAY = "under way: what happened tells when it was done"  # who logs in first needs a while
View = Mapping[str, Any]  # what Session.look gives
Rows = Sequence[Mapping[str, Any]]  # of the timeline, or of a view


class Command(NamedTuple):
    """`event`: a template in the words of a scenario's file, where `$SERVICE` and its like stand
    for what was typed."""

    usage: str
    platforms: tuple[str, ...]
    event: Mapping[str, Any]
    does: str


class Look(NamedTuple):
    """A command that shows, and does nothing."""

    usage: str
    platforms: tuple[str, ...]
    answer: Callable[[View, Rows], str]
    does: str


def _table(kind: str, *names: str) -> Callable[[View, Rows], str]:
    """Shows fields of containers or servers below their names; memory in MiB."""
    shown = {
        "memory": lambda size: f"{size // 2**20} MiB",
        "cores": lambda cores: f"{cores:g}",
        "containers": ", ".join,
    }

    def answer(view: View, _: Rows) -> str:
        cells = ([shown.get(name, str)(row[name]) for name in names] for row in view[kind])
        return "\n".join(aligned([[name.upper() for name in names], *cells]))

    return answer


_CONTAINERS = _table("containers", "name", "state", "restarts", "server", "inside")
_USAGE = _table("containers", "name", "inside", "waiting", "memory", "connections")
_SERVERS = _table("servers", "name", "state", "cores", "containers")


def _events(_: View, rows: Rows) -> str:
    return "\n".join(f"{row['t_s']:8.1f} s  {row['text']}" for row in rows[-12:])


DEAD = ("exited", "back_off", "away", "created")  # states of what no signal reaches
ONE = {"service": "$SERVICE", "which": "$NUMBER"}  # a container brings its service and number
WHOLE = {"service": "$SERVICE"}
SCALE = {"scale": {"services": {"$SERVICE": "$N"}}}
COMMANDS: tuple[Command | Look, ...] = (
    Look("docker ps", (*DOCKER, "swarm"), _CONTAINERS, "what runs, and what does not"),
    Look("docker compose ps", DOCKER, _CONTAINERS, "the same"),
    Look("docker stats", (*DOCKER, "swarm"), _USAGE, "requests inside, memory, connections"),
    Look("docker events", (*DOCKER, "swarm"), _events, "what happened last"),
    Command("docker compose up -d [SERVICE]", DOCKER, {"start": {}}, "start what is down"),
    Command("docker start CONTAINER", DOCKER, {"start": {}}, "the same"),
    Command("docker restart CONTAINER", DOCKER,
            {"restart": {"service": "$SERVICE", "replica": "$NUMBER"}}, "stop it and start it"),
    Command("docker compose restart SERVICE", DOCKER, {"restart": WHOLE}, "all of a service"),
    Command("docker stop CONTAINER", (*DOCKER, "swarm"), {"operator_stop": ONE},
            "SIGTERM, grace, SIGKILL"),
    Command("docker kill CONTAINER", (*DOCKER, "swarm"), {"operator_kill": ONE}, "SIGKILL"),
    Command("docker compose up -d --scale=SERVICE=N", DOCKER, SCALE, "so many of it here"),
    Command("docker update --cpus=CORES CONTAINER", DOCKER,
            {"resize": {"service": "$SERVICE", "cpu": "$CORES"}}, "another CPU limit"),
    Command("docker service scale SERVICE=N", ("swarm",), SCALE, "so many tasks"),
    Command("docker service update --force SERVICE", ("swarm",), {"restart": WHOLE},
            "replace its tasks, one by one"),
    Command("docker service rollback SERVICE", ("swarm",), {"rollback": WHOLE},
            "the version before"),
    Look("docker node ls", ("swarm",), _SERVERS, "servers"),
    Look("kubectl get pods", KUBERNETES, _CONTAINERS, "what runs, and what does not"),
    Look("kubectl top pods", KUBERNETES, _USAGE, "requests inside, memory, connections"),
    Look("kubectl get nodes", KUBERNETES, _SERVERS, "servers"),
    Look("kubectl get events", KUBERNETES, _events, "what happened last"),
    Command("kubectl delete pod CONTAINER", KUBERNETES, {"operator_stop": ONE},
            "another takes its place"),
    Command("kubectl rollout restart deployment/SERVICE", KUBERNETES, {"restart": WHOLE},
            "replace its pods as a rollout does"),
    Command("kubectl rollout undo deployment/SERVICE", KUBERNETES, {"rollback": WHOLE},
            "the version before"),
    Command("kubectl scale deployment/SERVICE --replicas=N", KUBERNETES, SCALE, "so many pods"),
    Command("kubectl drain SERVER", KUBERNETES, {"drain": {"server": "$SERVER"}},
            "move its pods away, work on it, take it back"),
    Command("kubectl taint nodes SERVER node.kubernetes.io/out-of-service=nodeshutdown:NoExecute",
            KUBERNETES, {"out_of_service": {"server": "$SERVER"}}, "its volumes may move"),
    Look("nomad job status", ("nomad",), _CONTAINERS, "what runs, and what does not"),
    Look("nomad node status", ("nomad",), _SERVERS, "servers"),
    Command("nomad alloc stop CONTAINER", ("nomad",), {"operator_stop": ONE},
            "another takes its place"),
    Command("nomad job restart SERVICE", ("nomad",), {"restart": WHOLE}, "one after another"),
    Command("nomad job revert SERVICE", ("nomad",), {"rollback": WHOLE}, "the version before"),
    Command("nomad job scale SERVICE N", ("nomad",), SCALE, "so many allocations"),
    Look("aws ecs list-tasks", ("ecs_fargate",), _CONTAINERS, "what runs, and what does not"),
    Command("aws ecs stop-task --task=CONTAINER", ("ecs_fargate",), {"operator_stop": ONE},
            "another takes its place"),
    Command("aws ecs update-service --service=SERVICE --desired-count=N", ("ecs_fargate",), SCALE,
            "so many tasks"),
    Command("aws ecs update-service --service=SERVICE --force-new-deployment", ("ecs_fargate",),
            {"restart": WHOLE}, "replace its tasks"),
    Look("gcloud run services list", ("cloud_run",), _CONTAINERS, "instances"),
    Command("gcloud run services update SERVICE --min-instances=N", ("cloud_run",), SCALE,
            "at least so many instances"),
    Command("gcloud run services update-traffic SERVICE --to-revisions=PREVIOUS=100",
            ("cloud_run",), {"rollback": WHOLE}, "the version before"),
    Command("redis-cli -h SERVICE FLUSHALL", (*DOCKER, *KUBERNETES, *OTHERS),
            {"cache_flush": WHOLE}, "a cache forgets all that it holds"),
    Command("cut SERVER N", (*DOCKER, *KUBERNETES, "swarm", "nomad"),
            {"partition": {"side": ["$NAME"], "lasts": "$N"}}, "off the network for N seconds"),
    Command("mend SERVER", (*DOCKER, *KUBERNETES, "swarm", "nomad"),
            {"mend_network": {"side": ["$NAME"]}}, "on the network again"),
    Command("raise-connections N", DOCKER + KUBERNETES + ("swarm", "nomad"),
            {"raise_connections": {"max_connections": "$N"}},
            "max_connections of the database, and a restart"),
)  # fmt: skip
# what people type for the same
SPELLINGS = (
    (r"^docker-compose\b", "docker compose"),
    (r"^docker container (start|stop|kill|restart|update)\b", r"docker \1"),
    (r"^docker (container )?ps( -a| --all)?$", "docker ps"),
    (r"^(k|oc) ", "kubectl "),
    (r" -n \S+| --namespace[ =]\S+", ""),
    (r"\b(deployments?|deploy|statefulsets?|sts)(\.apps)?[ /](?=\S)", "deployment/"),
    (r"^kubectl delete (?:pods? |pod/)", "kubectl delete pod "),
    (r"^kubectl get (po|pod|all)\b.*", "kubectl get pods"),
    (r"^kubectl get (no|node|nodes)\b.*", "kubectl get nodes"),
    (r"^(kubectl drain \S+) .*", r"\1"),
    (r" --(grace-period|timeout|cluster|region)[ =]\S+", ""),
    (r" -(t|f) \S+", ""),
    (r"(?i)\bflushall\b( sync| async)?$", "FLUSHALL"),
)
PLACES = {
    "SERVICE": r"(?P<SERVICE>[a-z0-9][\w-]*)",
    "CONTAINER": r"(?P<CONTAINER>[a-z0-9][\w-]*)",
    "SERVER": r"(?P<SERVER>[a-z0-9][\w-]*)",
    "CORES": r"(?P<CORES>\d+(?:\.\d+)?)",
    "N": r"(?P<N>\d{1,6})",
}


def usages(platform: str | None) -> list[dict[str, str]]:
    """The commands of a platform, for `help`."""
    return [
        {"usage": command.usage, "does": command.does}
        for command in COMMANDS
        if platform in command.platforms
    ]


def read(line: str, platform: str, view: View, rows: Rows) -> tuple[dict[str, Any] | None, str]:
    """The event that a line means, or None and the answer of a command that shows something.
    `InputError` for what nobody would understand, with the nearest usage."""
    words = _words(line)
    of_here = [command for command in COMMANDS if platform in command.platforms]
    if words in (["help"], ["?"]):
        return None, "\n".join(aligned([(each.usage, each.does) for each in of_here]))
    for command in of_here:
        match = _pattern(command.usage).fullmatch(" ".join(words))
        if match is None:
            continue
        if isinstance(command, Look):
            return None, command.answer(view, rows)
        typed = _names({k: v for k, v in match.groupdict().items() if v}, view)
        if typed.get("NUMBER", 0) is None and "$NUMBER" in repr(command.event):
            expected = "one that runs; what is down can be started"
            raise InputError(found=f"`{typed['CONTAINER']}`, which is down", expected=expected)
        return _filled(command.event, typed), UNDER_WAY
    found = line.strip()[:80] or "nothing"
    near = closest(" ".join(words), [command.usage for command in of_here])
    raise InputError(found=f"`{found}`", expected="a command of `help`", nearest=near)


def _words(line: str) -> list[str]:
    """Of a line, in the spelling of the table: options last, in the order of their names."""
    text = " ".join(line.split())
    for pattern, spelling in SPELLINGS:
        text = re.sub(pattern, spelling, text)
    try:
        words = shlex.split(text)
    except ValueError:
        raise InputError(found="a quote that is not closed", expected="a command") from None
    plain: list[str] = []
    options: list[str] = []
    for word in words:
        if (
            options
            and options[-1].startswith("--")
            and "=" not in options[-1]
            and _takes(options[-1])
        ):
            options[-1] += f"={word}"
        elif word.startswith("--"):
            options.append(word)
        else:
            plain.append(word)
    return [*plain, *sorted(options)]


def _takes(option: str) -> bool:
    """Is a value expected after this option?"""
    return any(f"{option}=" in command.usage for command in COMMANDS)


def _pattern(usage: str) -> re.Pattern[str]:
    """What matches the words of a line in the order of `_words`."""
    plain = [word for word in usage.split() if not word.startswith("--")]
    options = sorted(word for word in usage.split() if word.startswith("--"))
    pattern = ""
    for word in [*plain, *options]:
        may_lack = word.startswith("[")
        text = re.escape(word.strip("[]"))
        for name, place in PLACES.items():
            text = re.sub(rf"(?<![A-Z]){name}(?![A-Z])", place.replace("\\", r"\\"), text)
        piece = f"{' ' if pattern else ''}{text}"
        pattern += f"(?:{piece})?" if may_lack else piece
    return re.compile(pattern)


def _names(typed: dict[str, str], view: View) -> dict[str, Any]:
    """What was typed, checked against what there is; a container brings its service."""
    services = list(dict.fromkeys(box["service"] for box in view["containers"]))
    containers = [box["name"] for box in view["containers"]]
    servers = [server["name"] for server in view["servers"]]
    for kind, known in (("SERVICE", services), ("CONTAINER", containers), ("SERVER", servers)):
        name = typed.get(kind)
        if name is not None and name not in known:
            expected = "one of " + ", ".join(known)
            raise InputError(
                found=f"{kind.lower()} `{name}`", expected=expected, nearest=closest(name, known)
            )
    values: dict[str, Any] = dict(typed)
    if "CONTAINER" in typed:
        named = typed["CONTAINER"]
        service = next(box["service"] for box in view["containers"] if box["name"] == named)
        values |= {"SERVICE": service, "NUMBER": _number(named, service, view)}
    if "SERVER" in typed:
        values["NAME"] = typed["SERVER"]
        values["SERVER"] = int(typed["SERVER"].rpartition("-")[2]) - 1
    if "N" in typed:
        values["N"] = int(typed["N"])
    return values


def _number(name: str, service: str, view: View) -> int | None:
    """Which it is of the containers of its service that live, by age from 0."""
    of_service = [box for box in view["containers"] if box["service"] == service]
    living = [box["name"] for box in of_service if box["state"] not in DEAD]
    return living.index(name) if name in living else None


def _filled(template: Any, typed: Mapping[str, Any]) -> Any:
    """The template with what was typed; entries that were left out go."""
    if isinstance(template, str) and template.startswith("$"):
        return typed.get(template[1:])
    if isinstance(template, list):
        return [_filled(entry, typed) for entry in template]
    if isinstance(template, Mapping):
        filled = {_filled(key, typed): _filled(value, typed) for key, value in template.items()}
        return {key: value for key, value in filled.items() if value is not None}
    return template
