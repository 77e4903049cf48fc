"""An optimiser proposes set-ups, where there are too many to walk through, or few of them hold.

It is Optuna's tree-structured Parzen estimator (Bergstra et al. 2011), from the extra `optimise`:
it is told what each proposal costs and how far it is from holding on one seed. Its proposals follow
from its own seed. It decides nothing: what it proposed is raced like any other (race.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, NamedTuple

from sim.schema.fields import InputError
from sim.study.decision.knobs import Dial, Settings

WAVE = 8  # proposals that are run together, so that processors have work; chosen
AGAIN = 3  # times as many askings as wanted: it may repeat itself; chosen
EXTRA = "pip install 'outage-lab[optimise]'"


class Proposal(NamedTuple):
    """A point of a platform's space."""

    platform: str
    settings: Settings

    @property
    def key(self) -> str:
        return repr(self)


class Tried(NamedTuple):
    """What came of a point on one seed."""

    usd: float  # a month
    beyond: tuple[float, ...]  # of each bound, relative to it; 0 or less: it holds


# of points, in their order; None: it cannot run. Raises KeyboardInterrupt
Trial = Callable[[Sequence[Proposal]], Sequence[Tried | None]]


def optimiser() -> Any:
    """Optuna, quiet. Raises `InputError` where it is not there."""
    try:
        optuna: Any = import_module("optuna")  # an extra, and half a second to load
    except ImportError:
        raise InputError(field="--propose", found="no optuna", expected=EXTRA) from None
    if not hasattr(optuna.trial.Trial, "set_constraint"):
        found = f"optuna {optuna.__version__}"
        raise InputError(field="--propose", found=found, expected=f"5 or newer: {EXTRA}")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def propose(
    spaces: Mapping[str, Sequence[Dial]], most: int, seed: int, run: Trial
) -> list[tuple[Proposal, Tried | None]]:
    """At most so many different points of the platforms' spaces, in the order of their proposal."""
    optuna = optimiser()
    sampler = optuna.samplers.TPESampler(seed=seed % 2**32)  # which takes no more
    study = optuna.create_study(sampler=sampler)
    known: dict[str, tuple[Proposal, Tried | None]] = {}
    asked = 0
    while len(known) < most and asked < AGAIN * most:
        wave = [study.ask() for _ in range(WAVE)]
        points = [_point(trial, spaces) for trial in wave]
        new = {point.key: point for point in points if point.key not in known}
        fresh = list(new.values())[: most - len(known)]
        found = run(fresh) if fresh else ()
        known |= {p.key: (p, tried) for p, tried in zip(fresh, found, strict=True)}
        asked += len(wave)
        for trial, point in zip(wave, points, strict=True):
            _tell(study, trial, known.get(point.key, (point, None))[1], optuna)
    return list(known.values())


def _point(trial: Any, spaces: Mapping[str, Sequence[Dial]]) -> Proposal:
    """Values by their place, since the first is the least."""
    platform = trial.suggest_categorical("platform", list(spaces))
    settings = {}
    for path, values in spaces[platform]:
        place = trial.suggest_int(f"{platform} {path}", 0, len(values) - 1)
        settings[path] = values[place]
    return Proposal(platform, settings)


def _tell(study: Any, trial: Any, tried: Tried | None, optuna: Any) -> None:
    if tried is None:
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
        return
    for number, beyond in enumerate(tried.beyond):
        trial.set_constraint(str(number), beyond)
    study.tell(trial, tried.usd)
