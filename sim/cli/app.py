"""The command line: list, run, explain and more. A stable contract (DESIGN.md, section 6).

Exit status: 0 done; 1 `--check` and something did not hold; 2 bad usage or input, or what was
computed could not be written or printed in whole, told in one message; 70 a run contradicted itself
(a defect of the program); 130 interrupted, 143 by TERM. Results go to standard output, everything
else to standard error. Heavy things load when a command needs them.
"""

from __future__ import annotations

import sys
import traceback
import warnings
from collections.abc import Sequence
from typing import Any

from cyclopts import App, CycloptsError, Group, UnusedCliTokensError

from sim import __version__
from sim.cli import streams
from sim.cli.options import BROKEN, DONE, INTERRUPTED, USAGE, say
from sim.cli.verbs import verbs
from sim.schema.fields import InputError
from sim.study.signals import Interruption, endings

START = """\
Outage Lab replays outages of a small platform. Three ways to begin:

  python -m sim run container_crash              one outage, under Compose and Kubernetes
  python -m sim play                             the same on a page: break it, or be the operator
  python -m sim run server_crash --stack FILE    your own docker-compose.yml

`sim list` names what there is, `sim --help` every verb, `sim VERB --help` its options.
"""

NONE_FINISHED = "interrupted: no run was finished"

app = App(
    name="sim",
    help="Replay outages of a small platform under Docker Compose, Kubernetes and others.",
    version=__version__,
    help_format="plaintext",
    print_error=False,
    exit_on_error=False,
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)
# how the help is read; a verb that is named nowhere stands in the first
GROUPS = {
    "Run": ("run", "compare", "list", "explain"),
    "Decide": ("sweep", "cheapest", "decide", "audit"),
    "Your own system": ("import", "fit", "schema"),
    "The article": ("table", "claims", "quarter"),
    "For a class, or yourself": ("play", "challenge", "quiz"),
}
_GROUPS = {name: Group(name, sort_key=place) for place, name in enumerate(GROUPS)}
_GROUP = {verb: _GROUPS[name] for name, named in GROUPS.items() for verb in named}
for _name, _verb in verbs():
    app.command(_verb, name=_name, group=_GROUP.get(_name, _GROUPS["Run"]))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    warnings.showwarning = _warn
    streams.ready()
    with endings(last=arguments is None) as interruption:
        words = sys.argv[1:] if arguments is None else list(arguments)
        return interruption.status(_run(words, interruption))


def _run(arguments: list[str], interruption: Interruption) -> int:
    try:
        if not arguments:
            print(START, end="")
        status = app(arguments) if arguments else DONE
        sys.stdout.flush()
        return int(status or DONE)
    except UnusedCliTokensError as error:
        words = " ".join(error.unused_tokens or ())
        return say(f"found {words!r}; expected no more words (--help names the options)", USAGE)
    except (CycloptsError, InputError) as error:
        return say(str(error), USAGE)
    except BrokenPipeError:  # `sim run ... | head`: the reader has what it wanted
        streams.abandon()
        return DONE
    except KeyboardInterrupt:
        return say(NONE_FINISHED, INTERRUPTED)
    except streams.OutputError as error:
        streams.abandon()
        return say(f"standard output takes no more: {error}", USAGE)
    except Exception as error:
        if interruption.number is not None:  # a class that is being made wraps it, before 3.12
            return say(NONE_FINISHED, INTERRUPTED)
        return _broken(error)


def _broken(error: Exception) -> int:
    """A defect of ours: what a report of it needs."""
    if type(error).__name__ != "BrokenRunError":
        traceback.print_exception(error)
    return say(f"internal error (please report it with the command): {error}", BROKEN)


def _warn(message: Warning | str, *_: Any, **__: Any) -> None:
    print(f"warning: {message}", file=sys.stderr)
