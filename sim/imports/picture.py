"""What was understood of somebody's files, as a drawing: services, who asks whom, limits, doubts.

A line is dashed where the evidence is not sure, a box where nobody in the files asks for it.
"""

from __future__ import annotations

from sim.imports.evidence import Imported
from sim.report.page.graph import COLOURS, Arrow, Box, graph
from sim.schema.stack import Service
from sim.schema.text.written import size


def picture(imported: Imported) -> str:
    """The drawing, an SVG. The same for the same files."""
    services = imported.stack.services
    entry, doors = imported.stack.entry, imported.stack.doors
    links = [link for link in imported.links if {link.caller, link.callee} <= set(services)]
    linked = {*doors} | {name for link in links for name in (link.caller, link.callee)}
    boxes = {
        name: Box(
            tuple(_words(service, name in doors)),
            service.role if service.role in COLOURS else "other",
            apart=name not in linked,
        )
        for name, service in services.items()
    }
    arrows = [
        Arrow(
            link.caller, link.callee,
            f"{link.caller} asks {link.callee}: {link.evidence} ({link.confidence})",
            style=link.confidence,
        )
        for link in links
    ]  # fmt: skip
    notes = [f"? {question}" for question in imported.questions]
    return graph(boxes, arrows, entry, imported.stack.title, notes)


def _words(service: Service, is_door: bool) -> list[str]:
    """What stands in a box below its name."""
    role = f"{service.role}, users' way in" if is_door else service.role
    limits = []
    if service.role in ("http", "worker"):
        limits.append(f"{service.concurrency} at once")
    if service.database is not None:
        limits.append(f"pool {service.database.pool}")
    if service.role == "postgres":
        limits.append(f"{service.max_connections} connections")
    if service.role == "redis":
        limits.append(service.persistence)
    machine = []
    if service.cpu.limit is not None:
        machine.append(f"{service.cpu.limit:g} cores")
    if service.memory.limit is not None:
        machine.append(f"{size(service.memory.limit)}")
    if service.managed is not None:
        machine = ["a provider's"]
    if service.replicas > 1:
        role = f"{service.replicas} x {role}"
    return [role, *([", ".join(limits)] if limits else []), *([", ".join(machine)] * bool(machine))]
