"""Every test of this folder runs on each engine that is there."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sim.dataplane.plane import DataPlane
from sim.dataplane.profile import Workload
from sim.dataplane.reference.plane import ReferencePlane

ENGINES: dict[str, Callable[[Workload], DataPlane]] = {"reference": ReferencePlane}
try:
    from sim.dataplane.kernel.plane import CompiledPlane
except ImportError:
    pass
else:
    ENGINES["compiled"] = CompiledPlane


@pytest.fixture(scope="session", params=list(ENGINES))
def plane_class(request: pytest.FixtureRequest) -> Callable[[Workload], DataPlane]:
    return ENGINES[request.param]
