"""What a result depends on beside its inputs."""

from __future__ import annotations

import platform

import numpy as np

from sim import __version__


def versions() -> tuple[tuple[str, str], ...]:
    """Name and version of the program and of what computes for it."""
    return (
        ("Outage Lab", __version__),
        ("Python", platform.python_version()),
        ("numpy", np.__version__),
    )
