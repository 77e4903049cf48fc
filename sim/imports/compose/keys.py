"""Which keys a Compose file may have: names and places of compose-spec's JSON schema (compose-spec
schema/compose-spec.json at a08f8d5). It allows no others but `x-`, so a typo is refused."""

from __future__ import annotations

from collections.abc import Iterator

from sim.imports.compose.tree import Tree
from sim.schema.fields import Issue
from sim.schema.text.validation import closest, one_of

_UPDATE = "parallelism delay failure_action monitor max_failure_ratio order"
_HOOK = "command user privileged working_dir environment"
# path below a service -> keys; `*` is any name, `#` any entry of a list
_SERVICE: dict[str, str] = {
    "": (
        "develop deploy annotations attach build blkio_config cap_add cap_drop cgroup cgroup_parent"
        " command configs container_name cpu_count cpu_percent cpu_shares cpu_quota cpu_period"
        " cpu_rt_period cpu_rt_runtime cpus cpuset credential_spec depends_on device_cgroup_rules"
        " devices dns dns_opt dns_search domainname entrypoint env_file label_file environment"
        " expose extends provider external_links extra_hosts gpus group_add healthcheck hostname"
        " image init ipc isolation labels links logging mac_address mem_limit mem_reservation"
        " mem_swappiness memswap_limit network_mode models networks oom_kill_disable oom_score_adj"
        " pid pids_limit platform ports post_start pre_stop privileged profiles pull_policy"
        " pull_refresh_after read_only restart runtime scale security_opt shm_size secrets sysctls"
        " stdin_open stop_grace_period stop_signal storage_opt tmpfs tty ulimits use_api_socket"
        " user uts userns_mode volumes volumes_from working_dir"
        " log_driver log_opt net volume_driver cpuset_cpus dockerfile"  # of older formats
    ),
    "build": (
        "context dockerfile dockerfile_inline entitlements args ssh labels cache_from cache_to"
        " no_cache additional_contexts network provenance sbom pull target shm_size extra_hosts"
        " isolation privileged secrets tags ulimits platforms"
    ),
    "depends_on.*": "restart required condition",
    "deploy": (
        "mode endpoint_mode replicas labels rollback_config update_config resources restart_policy"
        " placement"
    ),
    "deploy.placement": "constraints preferences max_replicas_per_node",
    "deploy.resources": "limits reservations",
    "deploy.resources.limits": "cpus memory pids",
    "deploy.resources.reservations": "cpus memory generic_resources devices",
    "deploy.restart_policy": "condition delay max_attempts window",
    "deploy.rollback_config": _UPDATE,
    "deploy.update_config": _UPDATE,
    "develop": "watch",
    "env_file.#": "path format required",
    "extends": "service file",
    "healthcheck": "disable interval retries test timeout start_period start_interval",
    "logging": "driver options",
    "networks.*": (
        "aliases interface_name ipv4_address ipv6_address link_local_ips mac_address driver_opts"
        " priority gw_priority"
    ),
    "ports.#": "name mode host_ip target published protocol app_protocol",
    "post_start.#": _HOOK,
    "pre_stop.#": _HOOK,
    "secrets.#": "source target uid gid mode",
    "configs.#": "source target uid gid mode",
    "volumes.#": "type source target read_only consistency bind volume tmpfs image",
}
_TOP = "services version name networks volumes configs secrets include models"
_BESIDE = {
    "networks": (
        "name driver driver_opts ipam external internal enable_ipv4 enable_ipv6 attachable labels"
    ),
    "volumes": "name driver driver_opts external labels",
    "secrets": "name environment file external labels driver driver_opts template_driver",
    "configs": "name content environment file external labels template_driver",
}
KEYS: dict[str, tuple[str, ...]] = {
    "": tuple(_TOP.split()),
    "include.#": ("path", "env_file", "project_directory"),
    **{f"services.*{'.' * bool(at)}{at}": tuple(names.split()) for at, names in _SERVICE.items()},
    **{f"{section}.*": tuple(names.split()) for section, names in _BESIDE.items()},
}
_FEW = 12  # so many are listed in a message
_DEPTH = max(at.count(".") for at in KEYS) + 1


def key_issues(part: Tree, at: tuple[str, ...] = (), path: str = "") -> Iterator[Issue]:
    """Each key that Compose does not know, with the nearest that it does."""
    if len(at) > _DEPTH:
        return
    if isinstance(part.value, list):
        for i, below in enumerate(part.value):
            yield from key_issues(below, (*at, "#"), f"{path}.{i}")
    if not isinstance(part.value, dict):
        return
    known = next((KEYS[form] for form in _forms(at) if form in KEYS), None)
    for name, below in part.value.items():
        field = f"{path}.{name}".lstrip(".")
        if known is not None and name not in known and not name.startswith("x-"):
            line, column = below.key if any(below.key) else below.mark
            found, near = f"the unknown key {name!r}", closest(name, known)
            expected = one_of(known) if len(known) <= _FEW else "a key that Compose has here, or x-"
            yield Issue(below.file, line, column, field, found, expected, near)
        elif not name.startswith("x-"):
            yield from key_issues(below, (*at, name), field)


def _forms(at: tuple[str, ...]) -> Iterator[str]:
    """The path as the tables write it: a service's name is `*`, and that of whatever else has
    names of its own."""
    yield ".".join(at)
    if len(at) > 1:
        head = (at[0], "*", *at[2:])
        yield ".".join(head)
        yield ".".join((*head[:-1], "*"))
