"""A winner as files to apply: a Compose override, or patches of Deployment, HPA and PDB; and the
files of an HAProxy or a PgBouncer that it puts before them.

What a setting is called there is a table; a setting that no file has is named in a comment, and so
is what only the reader knows (paths, passwords).
"""

from __future__ import annotations

from collections.abc import Mapping
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq
from ruamel.yaml.scalarstring import DoubleQuotedScalarString as Quoted  # `no` is none in YAML 1.1
from ruamel.yaml.tag import Tag

from sim.control.load_balancing.haproxy import HAProxy
from sim.control.mechanisms import name_of
from sim.dataplane.codes import Algorithm
from sim.platforms import layers
from sim.schema.databases import Pooler
from sim.schema.fields import LawSpec
from sim.schema.stack import ProbeSpec, Service
from sim.schema.text.written import law
from sim.simulation.case import Case
from sim.study.ask import setting_text
from sim.study.causes import standing_at

MIB = 2**20
OVERRIDE, PATCHES = "compose.override.yaml", "kubernetes.yaml"
PROXY, POOLER = "haproxy.cfg", "pgbouncer.ini"
FILES = (OVERRIDE, PATCHES, PROXY, POOLER)
# what of a service's settings stands in which file
COMPOSE = ("replicas", "restart", "cpu.limit", "memory.limit", "stop.grace", "healthcheck")
KUBERNETES = (
    "replicas", "cpu.limit", "cpu.request", "memory.limit", "memory.request", "stop.grace",
    "stop.pre_stop", "probes.startup", "probes.readiness", "probes.liveness", "scaling.min",
    "scaling.max", "scaling.cpu", "disruption",
)  # fmt: skip
PORT = 8080  # of a service that names none; chosen
BALANCE = {
    Algorithm.ROUND_ROBIN: "roundrobin",
    Algorithm.RANDOM: "random",
    Algorithm.LEAST_CONNECTIONS: "leastconn",
}


def files(case: Case, settings: Mapping[str, Any], finding: str) -> dict[str, str]:
    """By their names; `finding`: why, as a comment on top."""
    settings = {**_platform_s_own(case), **settings}
    of_kubernetes = "kubernetes" in {layer.platform for layer in layers(case.platform)}
    known = KUBERNETES if of_kubernetes else COMPOSE
    services = case.stack.services
    own: dict[str, Service] = {}  # of whom the main file says something
    others, snippets = [], {}
    balancer = case.choices.load_balancing
    for path, value in settings.items():
        root, *rest = path.split(".")
        name, field = (rest[1], ".".join(rest[2:])) if rest[:1] == ["services"] else ("", "")
        if name and field.startswith(known):
            own[name] = services[name]
        elif root != "stack" and rest[0] == "load_balancing" and isinstance(balancer, HAProxy):
            snippets[PROXY] = _proxy(case, balancer, finding)
            own |= {door: services[door] for door in case.stack.doors}
        elif field.startswith("pooler") and (pooler := services[name].pooler):
            snippets[POOLER] = _pooler(name, pooler, finding)
        else:
            told = setting_text(path, law(value) if isinstance(value, LawSpec) else value)
            others.append(f"not in this file: {told}")
    if name_of(type(case.choices.health_checks)) == "autoheal":
        others.append("beside this file: autoheal, which restarts what is unhealthy")
    others += [f"beside this file: {file}" for file in snippets]
    head = [finding, *others]
    if of_kubernetes:
        documents = [doc for name, s in own.items() for doc in _patches(name, s)]
        return {PATCHES: _written(head, documents), **snippets}
    entries = {name: _override(service) for name, service in own.items()}
    if PROXY in snippets:  # which takes the ports of those behind it; Compose 2.24 and newer
        for door in case.stack.doors:
            entries[door]["ports"] = CommentedSeq()
            entries[door]["ports"].yaml_set_ctag(Tag(suffix="!reset"))
        entries["haproxy"] = _balancer(case)
    return {OVERRIDE: _written(head, [{"services": entries}]), **snippets}


def _platform_s_own(case: Case) -> dict[str, Any]:
    """What a platform that builds on another asks of every stack, as settings."""
    _, *later = layers(case.platform)
    own = {}
    for path in (path for layer in later for path in layer.settings):
        root, role, *field = path.split(".")
        names = [name for name, each in case.stack.services.items() if each.role == role]
        parts = [(root, name, *field) for name in names] if root == "services" else [(path,)]
        for place in (".".join(("stack", *part)) for part in parts):
            own[place] = standing_at(case, place)
    balancer = case.choices.load_balancing
    if later and isinstance(balancer, HAProxy):
        own[f"{case.platform}.load_balancing"] = name_of(HAProxy)
    return own


# ---- what stands before them ----
def _proxy(case: Case, proxy: HAProxy, finding: str) -> str:
    """HAProxy's file, in the words of its manual."""
    lines = [
        f"# {finding}",
        "# /health: the path that your services answer; names by Docker's own DNS",
        "resolvers docker", "  nameserver dns 127.0.0.11:53", "  hold valid 10s",
        "defaults", "  mode http", "  timeout client 60s", "  timeout server 60s",
        f"  timeout connect {proxy.connect_timeout_s:g}s",
        f"  timeout queue {proxy.queue_timeout_s:g}s",
        f"  timeout check {proxy.check_timeout_s:g}s",
        f"  retries {proxy.retries}",
        "  option redispatch" if proxy.redispatch else "  no option redispatch",
        f"  retry-on {proxy.retry_on.replace('_', '-')}",
    ]  # fmt: skip
    at_once = f" maxconn {proxy.maxconn}" if proxy.maxconn else ""
    for name in case.stack.doors:
        service = case.stack.services[name]
        port = service.port or PORT
        lines += [
            f"listen {name}", f"  bind :{port}", f"  balance {BALANCE[proxy.algorithm]}",
            "  option httpchk GET /health",
            f"  default-server check inter {proxy.inter_s:g}s fall {proxy.fall} rise {proxy.rise}"
            f"{at_once} resolvers docker init-addr none",
            f"  server-template {name}- {service.replicas} {name}:{port}",
        ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _balancer(case: Case) -> dict[str, Any]:
    """The override's entry of the proxy."""
    ports = [case.stack.services[name].port or PORT for name in case.stack.doors]
    return {
        "image": "haproxy:3.2", "restart": "unless-stopped", "depends_on": case.stack.doors,
        "ports": [Quoted(f"{port}:{port}") for port in ports],
        "volumes": [f"./{PROXY}:/usr/local/etc/haproxy/{PROXY}:ro"],
    }  # fmt: skip


def _pooler(database: str, pooler: Pooler, finding: str) -> str:
    """PgBouncer's file, in the words of its manual."""
    return "\n".join((
        f"; {finding}",
        "; users and passwords are yours: auth_file. The services ask port 6432 instead of 5432.",
        "[databases]", f"* = host={database} port=5432",
        "[pgbouncer]", "listen_addr = 0.0.0.0", "listen_port = 6432",
        "auth_type = scram-sha-256", "auth_file = /etc/pgbouncer/userlist.txt",
        "pool_mode = transaction", f"default_pool_size = {pooler.size}",
        f"max_client_conn = {pooler.max_clients}", f"query_wait_timeout = {pooler.wait:g}", "",
    ))  # fmt: skip


# ---- what changes of themselves ----
def _override(service: Service) -> dict[str, Any]:
    limits = _resources(service.cpu.limit, service.memory.limit, "cpus")
    deploy: dict[str, Any] = {"replicas": service.replicas}
    if limits:
        deploy["resources"] = {"limits": limits}
    entry: dict[str, Any] = {"restart": Quoted(service.restart), "deploy": deploy}
    if service.stop.grace is not None:
        entry["stop_grace_period"] = f"{service.stop.grace:g}s"
    if (check := service.healthcheck) is not None:  # the test is the image's, or the file's
        spans = {"interval": check.interval, "timeout": check.timeout}
        entry["healthcheck"] = {word: f"{seconds:g}s" for word, seconds in spans.items()}
        entry["healthcheck"]["retries"] = check.retries
    return entry


def _patches(name: str, service: Service) -> list[dict[str, Any]]:
    """What `kubectl patch` or kustomize takes, under the service's name."""
    container: dict[str, Any] = {"name": name}
    resources = {
        "requests": _resources(service.cpu.request, service.memory.request, "cpu"),
        "limits": _resources(service.cpu.limit, service.memory.limit, "cpu"),
    }
    if any(resources.values()):
        container["resources"] = {kind: of for kind, of in resources.items() if of}
    for kind in ("startup", "readiness", "liveness"):
        if (probe := getattr(service.probes, kind)) is not None:
            container[f"{kind}Probe"] = _probe(probe, service.port or PORT)
    if service.stop.pre_stop:
        sleep = {"sleep": {"seconds": round(service.stop.pre_stop)}}  # Kubernetes 1.30 and newer
        container["lifecycle"] = {"preStop": sleep}
    pod: dict[str, Any] = {"containers": [container]}
    if service.stop.grace is not None:
        pod["terminationGracePeriodSeconds"] = round(service.stop.grace)
    spec: dict[str, Any] = {"template": {"spec": pod}}
    if service.scaling is None:  # else the HPA says how many
        spec = {"replicas": service.replicas, **spec}
    patches = [_document("apps/v1", "Deployment", name, spec)]
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    if service.scaling is not None:
        utilisation = {
            "type": "Utilization",
            "averageUtilization": round(100 * service.scaling.cpu),
        }
        metric = {"type": "Resource", "resource": {"name": "cpu", "target": utilisation}}
        bounds = {"minReplicas": service.scaling.min, "maxReplicas": service.scaling.max}
        hpa = {"scaleTargetRef": target, **bounds, "metrics": [metric]}
        patches.append(_document("autoscaling/v2", "HorizontalPodAutoscaler", name, hpa))
    if service.disruption is not None:
        budget = service.disruption
        bound = {"minAvailable": budget.min_available, "maxUnavailable": budget.max_unavailable}
        given = {word: _amount(value) for word, value in bound.items() if value is not None}
        pdb = {**given, "selector": {"matchLabels": {"app": name}}}
        patches.append(_document("policy/v1", "PodDisruptionBudget", name, pdb))
    return patches


def _probe(probe: ProbeSpec, port: int) -> dict[str, Any]:
    counts = {
        "initialDelaySeconds": probe.initial_delay, "periodSeconds": probe.period,
        "timeoutSeconds": probe.timeout, "successThreshold": probe.success,
        "failureThreshold": probe.failure,
    }  # fmt: skip
    path = "/health"  # which only the reader knows
    whole = {word: round(value) for word, value in counts.items()}
    return {"httpGet": {"path": path, "port": port}, **whole}


def _document(version: str, kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}


def _resources(cores: float | None, memory: int | None, cpu: str) -> dict[str, str]:
    resources = {}
    if cores is not None:
        resources[cpu] = f"{cores:g}" if cpu == "cpus" else f"{round(1000 * cores)}m"
    if memory is not None:
        resources["memory"] = f"{memory // MIB}M" if cpu == "cpus" else f"{memory // MIB}Mi"
    return resources


def _amount(value: float) -> int | str:
    return value if isinstance(value, int) else f"{round(100 * value)}%"


def _written(head: list[str], documents: list[dict[str, Any]]) -> str:
    out = StringIO()
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.dump_all(documents, out)
    return "".join(f"# {line}\n" for line in head) + out.getvalue()
