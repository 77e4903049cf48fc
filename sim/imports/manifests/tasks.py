"""Nomad jobs in JSON and ECS task definitions: each task or container is a service of a project.

Sources: Nomad 1.9 JSON job specification (developer.hashicorp.com/nomad/api-docs/json-jobs); Amazon
ECS task definition parameters (docs.aws.amazon.com/AmazonECS).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from sim.imports.compose.body import ports_of
from sim.imports.compose.file import import_project
from sim.imports.compose.links import CONFIG_MAP
from sim.imports.compose.values import Node
from sim.imports.evidence import Corrections, Imported, Notes, leaves
from sim.imports.manifests.leftovers import grouped, known
from sim.imports.manifests.service_body import ServiceBody, project_of, with_patches
from sim.imports.manifests.workloads import SIDECARS
from sim.schema.fields import InputError
from sim.schema.stack import Stack
from sim.schema.text.document import Document, Path_, read_yaml
from sim.schema.text.files import read_text

_HCL = re.compile(r'^\s*job\s+"', re.MULTILINE)
_CPU_UNITS = 1024  # of ECS: one vCPU


def kind_of_tasks(text: str) -> str:
    """`nomad`, `ecs_fargate` or empty. Raises nothing."""
    head = text.lstrip()[:1]
    if head == "{" and '"TaskGroups"' in text:
        return "nomad"
    if head == "{" and '"containerDefinitions"' in text:
        return "ecs_fargate"
    return "hcl" if _HCL.search(text) and "{" in text and "services:" not in text else ""


def import_tasks(paths: Sequence[Path], like: Stack, corrections: Corrections) -> Imported:
    """What these jobs or task definitions describe, all of one kind. Raises `InputError`."""
    notes, read = Notes(), set[Path_]()
    services: dict[str, ServiceBody] = {}
    documents, platform = [], ""
    for path in paths:
        text = read_text(path, str(path))
        kind = kind_of_tasks(text)
        if kind == "hcl":
            found, expected = "a Nomad job in HCL", "what `nomad job run -output FILE` prints of it"
            raise InputError(str(path), 1, found=found, expected=expected)
        if not kind or (platform and kind != platform):
            found = "a file of another kind than those before it"
            raise InputError(str(path), found=found, expected="jobs or task definitions alone")
        platform = kind
        document = read_yaml(text, str(path))
        documents.append(document)
        top = Node(document, (), document.data, read)
        found_ = _nomad(top, notes) if platform == "nomad" else _ecs(top, notes)
        for found_name, own in found_:
            of_another = found_name in services and platform == "nomad"
            name = _name(f"{path.stem}-{found_name}") if of_another else found_name
            if name in services:
                raise own.origin.wrong("a name that no service before has")
            services[name] = own
    if not services:
        expected = "one with an image"
        raise InputError(str(paths[0]), found="no task that runs on", expected=expected)
    _apart(services.values())
    imported = import_project(project_of(paths, services, notes), like, corrections)
    return with_patches(imported, platform, services, list(_unread(documents, read)))


def _name(text: str) -> str:
    return re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-_") or "task"


def _apart(services: Collection[ServiceBody]) -> None:
    """A port that one has already is another's on a server of its own: it collides with none."""
    taken: set[str] = set()
    for own in services:
        for port in own.body.get("ports", []):
            if port in taken:
                own.body["ports"] = [port.rpartition(":")[2]]
            taken.add(port)


# ---- Nomad ----
def _nomad(top: Node, notes: Notes) -> Iterator[tuple[str, ServiceBody]]:
    job = top.get("Job") if "Job" in top.value else top
    if job.get("Type").text() in ("batch", "sysbatch"):
        notes.ignored.append(f"{job.get('Name').text() or job.get('ID').text()}: a batch job")
        job.read.add(job.path)
        return
    job.read.update((*job.path, key) for key in ("ID", "Name", "Type"))
    for group in job.get("TaskGroups").items():
        tasks = [task for task in group.get("Tasks").items() if isinstance(task.value, dict)]
        lasting = [task for task in tasks if not task.get("Lifecycle").value]
        beside = [task.get("Name").text() for task in tasks if task not in lasting]
        for task in tasks:
            if task not in lasting:
                task.read.add(task.path)
        title = group.get("Name")
        holders = {label: task for task in lasting for label in task.get("Config", "ports").words()}
        for task in lasting:
            own = ServiceBody(task.get("Name"))
            for node in (title, own.origin):
                node.read.add(node.path)
            alone = len(lasting) == 1
            name = _name(title.text() if alone else f"{title.text()}-{own.origin.text()}")
            own.aliases = [own.origin.text(), title.text()]
            _task(own, group, task, holders)
            if beside:
                notes.ignored.append(f"{name}: the tasks {', '.join(beside)} beside it")
            yield name, own


_LABEL = re.compile(r"\$\{NOMAD_(?:HOST_)?(ADDR|IP)_([\w-]+)\}")
# what consul-template makes of a service's instances: `{{ range nomadService "db" }}...{{ end }}`
_RANGE = re.compile(
    r"\{\{-?\s*range\s+(?:nomadService|service)\s+\"([\w-]+)[^\"]*\"[^}]*\}\}(.*?)\{\{-?\s*end\s*-?\}\}",
    re.DOTALL,
)


def _task(own: ServiceBody, group: Node, task: Node, holders: Mapping[str, Node]) -> None:
    """`holders`: the tasks of the group by the labels of their ports."""
    config = task.get("Config")
    image = config.get("image")
    own.put(("image",), image.text() or task.get("Driver").text() or "unknown", image)
    words = [config.get("command").text(), *config.get("args").words()]
    if any(words):
        source = config.get("args") if config.get("args").value else config.get("command")
        own.put(("command",), [word for word in words if word], source)
        config.read.update((*config.path, key) for key in ("command", "args"))
    variables = task.get("Env")
    if variables.value and not isinstance(variables.value, dict):
        raise variables.wrong("a mapping of variables")
    for key in variables.value or {}:
        variable = variables.get(str(key))
        own.put(("environment", str(key)), _addressed(variable.text(), holders), variable)
    for template in task.get("Templates").items():
        text = template.get("EmbeddedTmpl")
        for key, value in _made(text.text(), template):
            own.put(("environment", key), _addressed(value, holders), text)
    count = group.get("Count")
    if count.value is not None:
        own.put(("deploy", "replicas"), count.count() or 0, count)
        own.patch["replicas"] = count.count() or 0
    memory, most = task.get("Resources", "MemoryMB"), task.get("Resources", "MemoryMaxMB")
    if memory.value is not None:
        limit = most if most.value else memory  # Nomad holds a task to its memory, or to its max
        own.put(("deploy", "resources", "reservations", "memory"), f"{memory.count()}m", memory)
        own.put(("deploy", "resources", "limits", "memory"), f"{limit.count()}m", limit)
        bounds = {"request": memory.count(), "limit": limit.count()}
        own.patch["memory"] = {key: f"{number}Mi" for key, number in bounds.items()}
    _ending(own, task)
    _ways_in(own, group, task, holders)


def _addressed(text: str, holders: Mapping[str, Node]) -> str:
    """With the task's name where Nomad puts the address of one of its group's ports."""

    def name(match: re.Match[str]) -> str:
        holder = holders.get(match[2]) or holders.get(match[2].replace("_", "-"))
        host = holder.get("Name").text() if holder else match[2]
        return f"{host}:80" if match[1] == "ADDR" else host

    return _LABEL.sub(name, text)


def _made(text: str, template: Node) -> Iterator[tuple[str, str]]:
    """The variables of a template, or its text as that of a file."""

    def named(match: re.Match[str]) -> str:
        host = re.sub(r"\{\{-?\s*\.Address\s*-?\}\}", match[1], match[2])
        return re.sub(r"\{\{-?\s*\.Port\s*-?\}\}", "80", host)

    text = _RANGE.sub(named, text)
    if template.get("Envvars").value is not True:
        yield f"{CONFIG_MAP}{template.get('DestPath').value or 'template'}", text
        return
    for line in text.splitlines():
        key, equals, value = line.strip().partition("=")
        if equals and key.strip().isidentifier():
            yield key.strip(), value.strip().strip("\"'")


def _ending(own: ServiceBody, task: Node) -> None:
    stop = {}
    for word, key in (("grace", "KillTimeout"), ("pre_stop", "ShutdownDelay")):
        node = task.get(key)
        if node.value:
            stop[word] = _nanoseconds(node)
    if "grace" in stop:
        own.put(("stop_grace_period",), stop["grace"], task.get("KillTimeout"))
    if stop:
        own.patch["stop"] = stop


def _ways_in(own: ServiceBody, group: Node, task: Node, holders: Mapping[str, Node]) -> None:
    services = [*group.get("Services").items(), *task.get("Services").items()]
    for service in services:
        name = service.get("Name").text()
        own.aliases += [name, f"{name}.service.consul"]
        service.read.add((*service.path, "Name"))
        tags = service.get("Tags").words()
        if any(tag == "traefik.enable=true" or tag.startswith("urlprefix-") for tag in tags):
            own.put(("ports",), ["80:80"], service.get("Tags"))
            own.body.get("deploy", {}).pop("replicas", None)
    for network in group.get("Networks").items():
        for port in network.get("ReservedPorts").items():
            holder = holders.get(str(port.get("Label").value))
            if holder is not None and holder != task:
                continue
            if port.get("Value").value and "ports" not in own.body:
                number = port.get("Value")
                own.put(("ports",), [f"{number.count()}:{number.count()}"], number)
                own.body.get("deploy", {}).pop("replicas", None)


def _nanoseconds(node: Node) -> str:
    """`5000000000` and `5s` are the same."""
    node.read.add(node.path)
    text = node.text()
    return f"{int(text) / 1e9:g}s" if text.isdigit() else text


# ---- ECS ----
def _ecs(top: Node, notes: Notes) -> Iterator[tuple[str, ServiceBody]]:
    task = top.get("taskDefinition") if "taskDefinition" in top.value else top
    family = task.get("family")
    family.read.add(family.path)
    entries = task.get("containerDefinitions").items()
    containers = [entry for entry in entries if isinstance(entry.value, dict)]
    main, beside = [], []
    for entry in containers:
        if SIDECARS.search(f"{entry.value.get('name')} {entry.value.get('image')}"):
            entry.read.add(entry.path)
            beside.append(str(entry.value.get("name")))
        else:
            main.append(entry)
    siblings: list[tuple[ServiceBody, Node]] = []
    for number, container in enumerate(main):
        own = ServiceBody(container.get("name"))
        own.origin.read.add(own.origin.path)
        alone = len(main) == 1 and family.value
        name = _name(family.text() if alone else own.origin.text())
        own.aliases = [own.origin.text()]
        mode = task.get("networkMode")
        mode.read.add(mode.path)
        _container(own, container, task if alone else container, mode.text())
        if beside and number == 0:
            notes.ignored.append(f"{name}: the containers {', '.join(beside)} beside its own")
        siblings.append((own, container))
        yield name, own
    named = {own.origin.text(): own for own, _ in siblings}
    for own, container in siblings:
        _beside(own, container, named, task.get("networkMode").text())


_CONDITIONS = {
    "START": "service_started", "HEALTHY": "service_healthy",
    "COMPLETE": "service_completed_successfully", "SUCCESS": "service_completed_successfully",
}  # fmt: skip
_HERE = re.compile(r"\b(?:localhost|127\.0\.0\.1)(?=:(?P<port>\d+))")


def _beside(
    own: ServiceBody, container: Node, siblings: Mapping[str, ServiceBody], network: str
) -> None:
    """Whom it waits for, and whom it asks in the network that containers of a task share."""
    for entry in container.get("dependsOn").items():
        other, condition = entry.get("containerName"), entry.get("condition")
        how = _CONDITIONS.get(condition.text())
        if other.text() in siblings and how:
            own.put(("depends_on", _name(other.text())), {"condition": how}, other)
            condition.read.add(condition.path)
    if network not in ("awsvpc", "host"):
        return
    listens = {port: _name(name) for name, one in siblings.items() for port in ports_of(one.body)}
    variables = own.body.get("environment", {})
    for key, value in variables.items():
        port = variables.get(re.sub("(?i)host(name)?$", "PORT", key), "")
        if value in ("localhost", "127.0.0.1"):  # its port stands in a variable of its own
            variables[key] = listens.get(port, value)
        else:
            variables[key] = _HERE.sub(lambda at: listens.get(at["port"], at[0]), value)


def _container(own: ServiceBody, container: Node, sized: Node, network: str) -> None:
    image = container.get("image")
    own.put(("image",), image.text() or "unknown", image)
    for key, word in (("entryPoint", "entrypoint"), ("command", "command")):
        part = container.get(key)
        if part.value:
            own.put((word,), [str(entry.value) for entry in part.items()], part)
            part.read.update(entry.path for entry in part.items())
    for entry in container.get("environment").items():
        value = entry.get("value")
        own.put(("environment", entry.get("name").text()), value.text(), value)
        entry.read.add((*entry.path, "name"))
    port = next(container.get("portMappings").items(), None)
    if port is not None and port.get("containerPort").value:
        number = port.get("containerPort")
        # a bridge, as where nothing is said, gives each a port of its own (PortMapping, ECS API)
        held = number.value if network in ("awsvpc", "host") else ""
        given = port.get("hostPort").value or held
        own.put(("ports",), [f"{given}:{number.count()}" if given else f"{number.count()}"], number)
    cpu = container.get("cpu") if container.get("cpu").value else sized.get("cpu")
    if cpu.value:
        own.put(("deploy", "resources", "reservations", "cpus"),
                f"{(cpu.count() or 0) / _CPU_UNITS:g}", cpu)  # fmt: skip
    limit = container.get("memory") if container.get("memory").value else sized.get("memory")
    if limit.value:
        own.put(("deploy", "resources", "limits", "memory"), f"{limit.count()}m", limit)
        own.patch["memory"] = {"limit": f"{limit.count()}Mi"}
    soft = container.get("memoryReservation")
    if soft.value:
        own.put(("deploy", "resources", "reservations", "memory"), f"{soft.count()}m", soft)
    grace = container.get("stopTimeout")
    if grace.value:
        own.put(("stop_grace_period",), f"{grace.count()}s", grace)
        own.patch["stop"] = {"grace": f"{grace.count()}s"}
    _health(own, container.get("healthCheck"))


def _health(own: ServiceBody, check: Node) -> None:
    if not check.value:
        return
    words = [str(part.value) for part in check.get("command").items()]
    own.put(("healthcheck", "test"), words, check.get("command"))
    check.read.update(part.path for part in check.get("command").items())
    times = {"interval": "interval", "timeout": "timeout", "start_period": "startPeriod"}
    for word, key in times.items():
        if check.get(key).value:
            own.put(("healthcheck", word), f"{check.get(key).count()}s", check.get(key))
    if check.get("retries").value:
        own.put(("healthcheck", "retries"), check.get("retries").count(), check.get("retries"))


# ---- what was left out ----
def _unread(documents: Sequence[Document], read: Collection[Path_]) -> Iterator[str]:
    """Each field that nobody read: `Resources (CPU, DiskMB)`; what says nothing is none."""
    fields: dict[str, Counter[str]] = {}
    for document in documents:
        for path, value in leaves(document.data):
            if value not in (None, "", [], {}) and not known(path, read):
                names = [str(part) for part in path if isinstance(part, str)]
                fields.setdefault(".".join(names[:-1]), Counter())[names[-1] if names else ""] += 1
    for key, below in fields.items():
        yield grouped(key, below)
