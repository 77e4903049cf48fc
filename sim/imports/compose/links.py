"""Who asks whom: names of services in `depends_on`, `links`, variables, commands, labels and in the
configuration files of proxies."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from sim.imports.compose.body import in_front
from sim.imports.compose.merge import source_of, target_of
from sim.imports.evidence import Confidence
from sim.imports.images import Part, callees_of, part_of_scheme, word_of
from sim.schema.text.document import Key

Bodies = Mapping[str, Mapping[str, Any]]
_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.:-]*?)://(?:[^\s/'\",]*@)?(?P<host>[A-Za-z0-9_.-]+)"
)
_HOST = re.compile(r"(?<![\w./@-])(?P<host>[A-Za-z0-9][A-Za-z0-9_.-]*):\d{2,5}(?![\w.])")
# of a connection string, a file of properties or of YAML: `Server=sql;Database=shop`, `host: db`
_KEYED = re.compile(
    r"(?im)(?:^|[;,.\s\"'])(?:server|host(?:name)?|data source|addr(?:ess)?)\s*[=:]\s*"
    r"[\"']?(?:tcp:)?(?P<host>[a-z0-9][\w.-]*)"
)
# a variable that names who may ask, or what is asked past a proxy, and not whom it asks itself
_ALLOWS = re.compile(r"CORS|ORIGINS?$|ALLOWED|NO_?PROXY|TRUSTED", re.IGNORECASE)
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
# a variable that holds an address, and the word before that says of what
_ADDRESS = re.compile(
    r"(?P<of>.*?)[_.-]?(HOSTS?|HOST_?NAME|ADDR(ESS)?|SERVERS?|URLS?|URI|ENDPOINT|BROKERS?|UPSTREAM|"
    r"NODES?|SEEDS?|SERVICE|DSN|BACKENDS?|BOOTSTRAP_SERVERS?|CONNECTION(_?STRING)?)$",
    re.IGNORECASE,
)
_CONFIG_HOST = re.compile(
    r"\b(?:server|reverse_proxy|fastcgi_pass|uwsgi_pass|proxy_pass|set\s+\$\w+)\s+\"?([\w.-]+)"
    r"|connect(?:ion)?\([^\"')]*[\"']([\w.-]+)[\"']"  # Lua of an OpenResty
)
_STAGE = re.compile(r"(?im)^FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?")
_NGINX = re.compile(r"/etc/nginx/|nginx\.conf$")
_ADDED = re.compile(r"(?im)^(?:COPY|ADD)\s+(?:--\S+\s+)*(\S+)")
_CONFIG_NAMES = re.compile(r"\.(conf|cfg|ya?ml|toml|template|tmpl|json|lua)$|(^|/)Caddyfile")
CONFIG_MAP = "ConfigMap "  # before its name and key: a mounted file, among the variables
_CONFIG_SIZE, _CONFIG_FILES = 200_000, 30


class Mention(NamedTuple):
    """One place where a service names another. `part`: what it takes the other for."""

    caller: str
    callee: str
    evidence: str  # `depends_on`, `DATABASE_URL`
    confidence: Confidence
    part: Part | None
    path: tuple[Key, ...]  # below the caller


class Outside(NamedTuple):
    """A store that a service asks and that is none of the file's."""

    caller: str
    host: str
    variable: str
    part: Part


def environment_of(body: Mapping[str, Any], files: Mapping[str, str]) -> dict[str, str]:
    """The variables of a service: those of `env_file`, and its own over them."""
    own = body.get("environment") or {}
    return {**files, **{key: "" if v is None else str(v) for key, v in own.items()}}


def command_text(body: Mapping[str, Any]) -> str:
    """Entry point and command as one line."""
    parts: list[str] = []
    for key in ("entrypoint", "command"):
        value = body.get(key) or []
        parts += [value] if isinstance(value, str) else [str(part) for part in value]
    return " ".join(parts)


def host_names(bodies: Bodies) -> dict[str, str]:
    """Each name under which a service is found on its network -> the service."""
    hosts: dict[str, str] = {}
    for name, body in bodies.items():
        aliases = [body.get("container_name"), body.get("hostname")]
        networks = body.get("networks")
        for network in networks.values() if isinstance(networks, dict) else ():
            more = network.get("aliases") if isinstance(network, dict) else None
            aliases += more if isinstance(more, list) else []
        for alias in aliases:
            if alias:
                hosts.setdefault(str(alias).lower(), name)
    for body in bodies.values():
        for link in body.get("links") or []:
            target, _, alias = str(link).partition(":")
            if target in bodies and alias:
                hosts.setdefault(alias.lower(), target)
    return {**hosts, **{name.lower(): name for name in bodies}}


def mentions(
    bodies: Bodies, variables: Mapping[str, Mapping[str, str]]
) -> tuple[list[Mention], list[Outside]]:
    """All that the file says; the configuration of proxies is read by `configured`."""
    hosts = host_names(bodies)
    links: list[Mention] = []
    outside: list[Outside] = []
    for name, body in bodies.items():
        for callee in body.get("depends_on") or {}:
            if callee in bodies:
                at = ("depends_on", callee)
                links.append(Mention(name, callee, "depends_on", "medium", None, at))
        for i, link in enumerate(body.get("links") or []):
            callee = str(link).split(":")[0]
            if callee in bodies:
                links.append(Mention(name, callee, "links", "high", None, ("links", i)))
        for key, value in variables[name].items():
            known = {host for host, _ in hosts_of(value)} - {"localhost"}  # a URL says so itself
            for host, part in _addresses(key, value):
                callee = hosts.get(host.lower(), "")
                if callee and callee != name:
                    at = ("environment", key)
                    # one that its callee has, too, is of a configuration that all share: who is in
                    # front is taken to use it, of the others nobody knows
                    told = part in (None, "http") and variables[callee].get(key) == value
                    sure = in_front(name) if told else _own(key, name, callee, variables)
                    links.append(Mention(name, callee, key, "high" if sure else "low", part, at))
                elif part in _STORES and not callee and ("." in host or host in known or (
                    _HOSTED.search(key) and not _NO_HOST.fullmatch(host)
                )):  # fmt: skip
                    outside.append(Outside(name, host, key, part))
        for host in callees_of(str(body.get("image") or "")):
            if hosts.get(host, name) != name:
                links.append(Mention(name, hosts[host], "its image", "medium", None, ("image",)))
        for host, part in hosts_of(command_text(body)):
            callee = hosts.get(host.lower(), "")
            if callee and callee != name:
                links.append(Mention(name, callee, "command", "high", part, ("command",)))
    return links, outside


def _own(key: str, name: str, callee: str, variables: Mapping[str, Mapping[str, str]]) -> bool:
    """Of a variable that many have, the service that a store is named after among them: is it this
    one that uses the store?"""
    value = variables[name][key]
    holders = [other for other, own in variables.items() if own.get(key) == value]
    users = [other for other in holders if stem(other) and other != callee]
    owners = [other for other in users if stem(other) == stem(callee) or _of(key, stem(other))]
    return len(holders) < _SHARED or not owners or name in owners


def _of(key: str, stem_: str) -> bool:
    """Is a variable named after a service, `PAYMENT_DB_HOST`?"""
    return key.lower().startswith(re.sub(r"\W", "_", stem_) + "_")


_SHARED = 3  # services with one variable: chosen


def stem(name: str) -> str:
    """`user` of `user-service`, of `userdb` and of `user-db-deployment`."""
    own = re.sub(r"[-_.](deploy(ment)?|depl|stateful-?set|sts|pod)$", "", name.lower())
    ends = r"[-_.]?(service|svc|api|server|app|db|database|mongo(db)?|mysql|postgres(ql)?)$"
    return re.sub(ends, "", own)


_HOSTED = re.compile(r"(?<!V)(HOST(NAME)?|ADDR(ESS)?|SERVER)S?$", re.IGNORECASE)
_NO_HOST = re.compile(r"localhost|true|false|none|null|\d+", re.IGNORECASE)
_STORES = ("postgres", "mysql", "mariadb", "mongodb", "sqlserver", "redis", "rabbitmq")


def _addresses(key: str, value: str) -> Iterator[tuple[str, Part | None]]:
    """Hosts in one variable, and what its own name or the URL takes them for."""
    if _ALLOWS.search(key):
        return
    match = _ADDRESS.fullmatch(key)
    word = word_of(match["of"].lower()) if match and match["of"] else None
    hint = word.part if word and word.part != "http" else None
    hosts = dict(hosts_of(value))
    if match:
        for part in re.split(r"[,;\s]+", value):
            bare = part.partition(":")[0]
            if _WORD.fullmatch(bare):
                hosts.setdefault(bare, None)
    for host, part in hosts.items():
        yield host, part or hint


def hosts_of(text: str) -> Iterator[tuple[str, Part | None]]:
    """Hosts of URLs, of `name:port` and of `host=name` in a text."""
    hosts = set()
    for match in _URL.finditer(text):
        hosts.add(match["host"])
        yield match["host"], part_of_scheme(match["scheme"])
    for match in (*_HOST.finditer(text), *_KEYED.finditer(text)):
        if match["host"] not in hosts:
            hosts.add(match["host"])
            yield match["host"], None


def routed(proxies: Iterable[str], bodies: Bodies) -> Iterator[Mention]:
    """Services that ask a proxy by labels or variables to be served: Traefik's and
    caddy-docker-proxy's labels, nginx-proxy's VIRTUAL_HOST."""
    proxies = list(proxies)
    if not proxies:
        return
    for name, body in bodies.items():
        labels = _labels(body)
        for key, value in labels.items():
            asks = re.match(r"traefik\.(http\.)?routers?\.|traefik\.frontend|caddy$|caddy\.", key)
            enabled = key == "traefik.enable" and str(value).lower() == "true"
            if (asks or enabled) and name not in proxies:
                yield Mention(proxies[0], name, f"label {key}", "high", "http", ())
                break
        host = next((k for k in body.get("environment") or {} if k == "VIRTUAL_HOST"), "")
        if host and name not in proxies:
            yield Mention(proxies[0], name, host, "high", "http", ())


def _labels(body: Mapping[str, Any]) -> dict[str, Any]:
    labels = dict(body.get("labels") or {})
    deploy = (body.get("deploy") or {}).get("labels") or {}
    if isinstance(deploy, list):
        deploy = dict(str(entry).partition("=")[::2] for entry in deploy)
    return {**deploy, **labels}


def config_text(body: Mapping[str, Any], folder: Path) -> str:
    """A service's own configuration files, as far as they stand beside the Compose file or in a
    ConfigMap."""
    texts = [path.read_text("utf-8", errors="replace") for path in _config_files(body, folder)]
    variables = body.get("environment") or {}
    texts += [str(text) for key, text in variables.items() if key.startswith(CONFIG_MAP)]
    return "\n".join(re.sub(r"(?m)^\s*#.*$", "", text) for text in texts)


def base_image(body: Mapping[str, Any], folder: Path) -> tuple[str, bool]:
    """The image that a service's Dockerfile builds on, as far as that stands beside the file, or
    that what is mounted is made for; does it add configuration alone?"""
    build = body.get("build") or {}
    path = folder / str(build.get("context") or ".") / str(build.get("dockerfile") or "Dockerfile")
    if not build or not path.is_file() or path.stat().st_size > _CONFIG_SIZE:
        mounted = [*map(target_of, body.get("volumes") or []), *(body.get("environment") or ())]
        return ("nginx" if any(map(_NGINX.search, mounted)) else ""), False
    text = path.read_text("utf-8", errors="replace")
    stages: list[tuple[str, str]] = _STAGE.findall(text)
    names: dict[str, str] = {alias.lower(): image for image, alias in reversed(stages) if alias}
    image = names.get(str(build.get("target") or "").lower(), stages[-1][0] if stages else "")
    for _ in stages:  # a stage may build on another
        image = names.get(image.lower(), image)
    added = _ADDED.findall(text)
    return image, bool(added) and len(stages) == 1 and all(map(_CONFIG_NAMES.search, added))


def configured(proxy: str, config: str, hosts: Mapping[str, str]) -> Iterator[Mention]:
    """Services that a proxy's configuration names."""
    names = {match["host"].lower() for match in _URL.finditer(config)}
    names |= {match["host"].lower() for match in _HOST.finditer(config)}
    names |= {(match[1] or match[2]).lower() for match in _CONFIG_HOST.finditer(config)}
    for host in sorted(names & hosts.keys()):
        if hosts[host] != proxy:
            yield Mention(proxy, hosts[host], "its configuration", "high", "http", ())


def _config_files(body: Mapping[str, Any], folder: Path) -> Iterator[Path]:
    """Files that are mounted from beside this one, or stand where it is built."""
    places = []
    for volume in body.get("volumes") or []:
        source = source_of(volume)
        if not source.startswith((".", "/")) and target_of(volume) == source:
            continue
        if source and not Path(source).is_absolute():
            places.append(folder / source)
    build = body.get("build") or {}
    context = str(build.get("context") or "")
    own = (Path(context) / str(build.get("dockerfile") or "Dockerfile")).parent
    if own != Path() and "://" not in context:
        places.append(folder / own)
    count = 0
    root = folder.resolve()
    for place in places:
        if place.is_dir():
            files = sorted(path for path in place.rglob("*") if _CONFIG_NAMES.search(path.name))
        else:
            files = [place]
        for path in files[:_CONFIG_FILES]:
            inside = path.is_file() and path.resolve().is_relative_to(root)
            if inside and path.stat().st_size <= _CONFIG_SIZE and count < _CONFIG_FILES:
                count += 1
                yield path
