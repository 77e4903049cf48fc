"""Constants that stand for a real system's behaviour, each with its source.

A module that needs one defines it at module level, `HPA_SYNC = Fact("hpa.sync_period", 15.0, "s",
"the HPA looks once per period", "kubernetes/kubernetes pkg/controller/podautoscaler")`, and uses
`HPA_SYNC.value`. `facts_of(module)` finds them, so there is no registry to keep. FACTS below holds
those of traffic, database and queue whose numbers are the defaults of `sim/spec/stack.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fact(Generic[T]):
    """One constant: dotted `name`, `value` in `unit`, what it `says`, and where that is written."""

    name: str
    value: T
    unit: str
    says: str
    source: str


def facts_of(module: ModuleType) -> list[Fact[Any]]:
    """All facts that a module defines or imports at module level, in the order of their lines."""
    return [value for value in vars(module).values() if isinstance(value, Fact)]
