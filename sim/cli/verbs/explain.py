"""`sim explain`: what is assumed, with sources."""

from __future__ import annotations

from sim.cli.options import DONE


def explain(subject: str, /) -> int:
    """Say what is assumed, with sources.

    Parameters
    ----------
    subject
        A scenario, stack, event (drain), platform, capability (secrets), mechanism (canary), claim
        (K2), or a constant (hpa.sync), or the first word of some (hpa).
    """
    from sim.cli.explanation.subject import about  # noqa: PLC0415

    print(about(subject), end="")
    return DONE
