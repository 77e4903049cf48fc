"""A platform file of the user's own: found by name or path; a bad one is one message, exit 2."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import pytest

from sim.control.mechanisms import mechanisms
from sim.platforms import load, names
from sim.platforms.own import files as _outside
from sim.platforms.platform import wrong_choices
from sim.schema.fields import InputError
from sim.study.ask import Ask
from sim.study.comparison import compare
from sim.study.plan import plan

GOOD = '''\
"""A watchman: he looks at what has ended, and starts it again."""

from dataclasses import dataclass, replace
from typing import ClassVar

from sim.control.api import Fact, KubeletRestarts, Platform, Rank, constant, start_again
from sim.platforms.compose import PLATFORM as COMPOSE

ROUND = Fact("watch.round", 20.0, "s", "between two rounds", "chosen")
KEPT = {name: getattr(COMPOSE, name) for name in COMPOSE.__dataclass_fields__}


@dataclass(frozen=True)
class Watchman:
    capability: ClassVar[str] = "self_healing"
    round_s: float = constant(ROUND, above_zero=True)
    most: int = 3

    def run(self, cluster):
        while True:
            yield cluster.clock.after(self.wait_s(), Rank.RUNTIME, 7)
            for c in cluster.containers:
                if c.state == "exited" and c.server.alive:
                    start_again(cluster, c, "started again by the watchman")

    def wait_s(self):
        return self.round_s


PLATFORM = Platform(**{**KEPT, "self_healing": Watchman()})
EXTENDS = "compose"
'''
SHORT = (
    "--engine", "reference", "--no-plots", "--reps", "1",
    "--set", "scenario.horizon=7m", "--set", "scenario.traffic.rate=1/s",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _forget(monkeypatch):
    """Files of one test are none of the next one's."""
    monkeypatch.setattr(_outside, "_given", {})
    monkeypatch.setattr(_outside, "_loaded", {})


def put(text: str, path: str = "platforms/watch.py") -> Path:
    """Into the working folder, which is a new one for each test."""
    Path(path).parent.mkdir(exist_ok=True)
    Path(path).write_text(text)
    return Path(path)


def refused(said, *words: str, text: str = GOOD) -> None:
    """Exit 2, told without a traceback, and nothing was written. `<some code>` in a word is the
    number of the first line of `text` that has it."""
    assert said.status == 2, said.err

    def number(found: re.Match[str]) -> str:
        return str(next(n for n, line in enumerate(text.splitlines(), 1) if found[1] in line))

    for word in words:
        assert re.sub("<(.+?)>", number, word) in said.err
    assert "Traceback" not in said.err
    assert said.out == ""
    assert not Path("reports").exists()


# ---- found ----
def test_the_folder_by_name(sim):
    put(GOOD)
    assert re.search(r"^  watch  +A watchman: he looks", sim("list", "platforms").out, re.M)
    said = sim("run", "container_crash", "--platform", "compose,watch", *SHORT)
    assert said.status == 0, said.err
    assert "api-1 started again by the watchman" in said.out
    assert "watch.self_healing.round_s = 20 s: between two rounds" in sim("explain", "watch").out
    assert "--set watch.self_healing.round_s=VALUE" in sim("explain", "watch.round").out


def test_any_file_by_its_path_with_settings_and_ablations(sim):
    put(GOOD, "elsewhere/watch.py")
    assert "watch" not in sim("list", "platforms").out
    changed = ("--set", "watch.self_healing.round_s=90s", "--ablate", "self_healing")
    said = sim("run", "container_crash", "--platform", "elsewhere/watch.py", *changed, *SHORT)
    assert said.status == 0, said.err
    assert "Watch without self healing" in said.out
    assert "00:06:00 api-1 started again by the watchman" in said.out  # 4 x 90 s


def test_the_command_of_a_plan_finds_the_same_files_again(sim):
    put(GOOD, "elsewhere/watch.py")
    put(GOOD, "platforms/guard.py")
    asked = ["elsewhere/watch.py", "./elsewhere/watch.py-self_healing", "guard", "compose"]
    planned = plan(Ask("container_crash", asked))
    assert planned.platforms == ("watch", "watch-self_healing", "guard", "compose")
    named = shlex.split(planned.command)[shlex.split(planned.command).index("--platform") + 1]
    assert plan(Ask("container_crash", named.split(","))).platforms == planned.platforms
    assert named.split(",")[1:3] == ["./elsewhere/watch.py-self_healing", "guard"]


def test_a_file_is_read_again_for_the_next_study_only(sim):
    file = put(GOOD)
    command = ("run", "container_crash", "--platform", "watch", *SHORT)
    assert "by the watchman" in sim(*command).out
    file.write_text(GOOD.replace("by the watchman", "by the second watchman"))
    assert "by the second watchman" in sim(*command).out


def test_what_is_no_platform_in_the_folder_is_left_alone(sim):
    put("x = 1", "platforms/helper.py")
    put("PLATFORM = 1", "platforms/_private.py")
    said = sim("list", "platforms")
    assert said.status == 0
    assert "helper" not in said.out
    assert "private" not in said.out


@pytest.mark.slow
def test_worker_processes_have_the_same_file(tmp_path):
    """Two processes at least, each with the text that the parent has read."""
    (tmp_path / "watch.py").write_text(GOOD)
    root = str(Path(_outside.__file__).parents[3])
    code = (
        "import sim\n"
        "from functools import partial\n"
        "from sim.study.ask import Ask\n"
        "from sim.study.batch import Batch\n"
        "from sim.study.comparison import replay\n"
        "from sim.study.plan import plan\n"
        "if __name__ == '__main__':\n"
        "    planned = plan(Ask('container_crash', ['./watch.py', 'compose'], reps=2,"
        " settings={'scenario.horizon': '7m'}, engine='reference'))\n"
        "    open('watch.py', 'w').write('1 / 0')\n"
        "    found = replay(planned, partial(Batch.run, workers=2))\n"
        "    print(found.figures.loc['downtime_s'].to_dict())\n"
    )
    (tmp_path / "script.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, env={"PYTHONPATH": root},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "'watch'" in done.stdout
    assert "warning" not in done.stderr.lower()  # all of it ran in the workers


def test_inside_a_checkout_our_own_folder_is_no_other(sim, monkeypatch):
    monkeypatch.chdir(Path(_outside.__file__).parents[2])
    assert sim("list", "platforms").status == 0
    assert plan(Ask("container_crash", ["platforms/swarm.py"])).platforms == ("swarm",)


# ---- refused before anything runs ----
def test_what_comes_with_the_program_would_not_be_refused():
    whole = load("kubernetes")
    assert not [issue for name in names() for issue in wrong_choices(load(name), name)]
    for capability in (field.name for field in fields(whole)):
        for mechanism in mechanisms(capability).values():
            assert not wrong_choices(replace(whole, **{capability: mechanism()}), "x")


PLATFORM = 'PLATFORM = Platform(**{**KEPT, "self_healing": Watchman()})'
AT = "platforms/watch.py"
BAD = {
    "lacks a choice": (
        PLATFORM, 'del KEPT["secrets"]\n' + PLATFORM,
        [f"{AT}:<PLATFORM = >: PLATFORM.secrets: found no choice; expected a mechanism, or None"],
    ),
    "unknown choice": (
        '"self_healing": W', '"self_heeling": W',
        [f"{AT}:<PLATFORM = >: PLATFORM.self_heeling: found", "did you mean self_healing?"],
    ),
    "of another capability": (
        '"self_healing": W', '"secrets": W',
        [f"{AT}: PLATFORM.secrets: found Watchman(), which is self_healing", "SecretEnv()"],
    ),
    "a built-in of another capability": (
        '"self_healing": W', '"rollback": KubeletRestarts(), "self_healing": W',
        [f"{AT}: PLATFORM.rollback: found KubeletRestarts(), which is self_healing", "RolloutUndo"],
    ),
    "a number": (
        "Watchman()", "5",
        [f"{AT}: PLATFORM.self_healing: found 5; expected None, one of", "KubeletRestarts()"],
    ),
    "a class": (
        "Watchman()", "Watchman",
        [f"{AT}: PLATFORM.self_healing: found the class Watchman; expected", "Watchman()"],
    ),
    "not frozen": (
        "(frozen=True)", "",
        [f"{AT}: PLATFORM.self_healing: found Watchman(), which is not frozen", "frozen=True"],
    ),
    "cannot route": (
        '"self_healing"', '"load_balancing"',
        [f"{AT}: PLATFORM.load_balancing: found Watchman() without routing()"],
    ),
    "negative": (
        "Watchman()", "Watchman(round_s=-5)",
        [f"{AT}: PLATFORM.self_healing.round_s: found -5; expected a duration in seconds above 0"],
    ),
    "zero where it waits": (
        "Watchman()", "Watchman(round_s=0)",
        [f"{AT}: PLATFORM.self_healing.round_s: found 0; expected a duration in seconds above 0"],
    ),
    "NaN": (
        "Watchman()", 'Watchman(round_s=float("nan"))',
        [f"{AT}: PLATFORM.self_healing.round_s: found nan; expected a duration"],
    ),
    "infinite": (
        "Watchman()", 'Watchman(round_s=float("inf"))',
        [f"{AT}: PLATFORM.self_healing.round_s: found inf; expected a duration"],
    ),
    "a text for a number": (
        "Watchman()", 'Watchman(round_s="5s")',
        [f"{AT}: PLATFORM.self_healing.round_s: found '5s'; expected a duration"],
    ),
    "half a count": (
        "Watchman()", "Watchman(most=1.5)",
        [f"{AT}: PLATFORM.self_healing.most: found 1.5; expected a whole number of at least 0"],
    ),
    "a syntax error": (
        "class Watchman:", "class Watchman",
        [f"{AT}:<class Watchman>:15: found a syntax error (expected ':'); expected Python"],
    ),
    "no title": (
        '"""A watchman: he looks at what has ended, and starts it again."""', "",
        [f"{AT}:1: docstring: found none; expected a title"],
    ),
    "raises when it is read": (
        "ROUND = ", "1 / 0\nROUND = ",
        [f"{AT}:<1 / 0>: found ZeroDivisionError: division by zero; expected a file that runs"],
    ),
    "ends the program when it is read": (
        "ROUND = ", "raise SystemExit(0)\nROUND = ",
        [f"{AT}:<raise SystemExit>: found SystemExit: 0"],
    ),
    "a name that is not there": (
        "constant, start_again", "constant, start_agian",
        [f"{AT}:<start_agian>: found ImportError: cannot import name 'start_agian'",
         "expected names that sim.control.api has"],
    ),
    "a module of 0.1.0": (
        "from sim.control.api import", "from sim.control.restarts import",
        [f"{AT}:<sim.control.restarts>: found ModuleNotFoundError: No module named",
         "expected names that sim.control.api has"],
    ),
    "PLATFORM is misspelt": (
        "PLATFORM = Platform(", "PLATFROM = Platform(",
        [f"{AT}: PLATFORM: found no such name", "did you mean PLATFROM?"],
    ),
    "PLATFORM is something else": (
        "PLATFORM = Platform(", "PLATFORM = dict(",
        [f"{AT}: PLATFORM: found a mapping; expected PLATFORM = Platform(...)"],
    ),
    "builds on nothing": (
        'EXTENDS = "compose"', 'EXTENDS = "compse"',
        [f"{AT}: EXTENDS: found 'compse'", "did you mean compose?"],
    ),
    "asks a stack for what it has not": (
        'EXTENDS = "compose"', 'STACK = {"services.http.restrat": "always"}',
        [f"{AT}: STACK.services.api.restrat", "did you mean restart?"],
    ),
    "cannot say whether it takes a stack": (
        "    def wait_s(", "    def refuses(self, stack):\n        return 1 / 0\n\n    def wait_s(",
        [f"{AT}:<1 / 0>: PLATFORM.self_healing: found ZeroDivisionError: division by"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_refused_before_anything_runs(sim, case):
    old, new, words = BAD[case]
    assert old in GOOD
    text = GOOD.replace(old, new)
    put(text)
    said = sim("run", "container_crash", "--platform", "compose,watch", *SHORT)
    refused(said, *words, text=text)
    if case not in ("asks a stack for what it has not", "cannot say whether it takes a stack"):
        refused(sim("explain", "watch"), *words, text=text)


def test_the_list_says_what_is_wrong_with_a_title(sim):
    put(GOOD.replace("class Watchman:", "class Watchman"))
    said = sim("list", "platforms")
    line = GOOD.splitlines().index("class Watchman:") + 1
    assert f"{AT}:{line}:15: found a syntax error" in said.err
    assert said.status == 0  # one bad file takes nothing away from the others
    assert re.search(r"^  swarm  ", said.out, re.M)


@pytest.mark.parametrize(
    ("files", "wanted", "words"),
    [
        (["watch.py"], "./wach.py", ["./wach.py: found no such file", "did you mean ./watch.py?"]),
        (["watch.py"], "./watch", ["./watch: found no such file", "did you mean ./watch.py?"]),
        (["platforms/watch.py"], "wacht", ["platform: found 'wacht'", "did you mean watch?"]),
        (["platforms/watch.py"], "platforms/", ["platforms/: found a folder"]),
        (["watch.txt"], "./watch.txt", ["./watch.txt: found a file that is not called *.py"]),
        (["platforms/compose.py"], "compose", ["platforms/compose.py: found the name 'compose'"]),
        (["compose.py"], "./compose.py", ["compose.py: found the name 'compose'", "my_compose.py"]),
        (["stack.py"], "./stack.py", ["stack.py: found the name 'stack'"]),
        (["My-Watch.py"], "./My-Watch.py", ["My-Watch.py: found a platform called 'My-Watch'"]),
        (
            ["a/watch.py", "b/watch.py"], "a/watch.py,b/watch.py",
            ["b/watch.py: found a second platform called 'watch'", "a/watch.py"],
        ),
        (
            ["watch.py", "platforms/watch.py"], "./watch.py",
            ["watch.py: found a second platform called 'watch'", "platforms/watch.py"],
        ),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_meant(sim, files, wanted, words):
    for file in files:
        put(GOOD, file)
    refused(sim("run", "container_crash", "--platform", wanted, *SHORT), *words)


# ---- refused during the run ----
LOOP = "            yield cluster.clock.after(self.wait_s(), Rank.RUNTIME, 7)"
DURING = {
    "a negative delay": (
        "return self.round_s", "return 15.0 - self.round_s",
        [f"{AT}:<yield >: PLATFORM.self_healing: found a delay of -5 s, at 00:00:00 of the run"],
    ),
    "a negative delay later": (
        "return self.round_s", "return self.round_s if KEPT.pop('secrets', 1) is None else -1",
        [f"{AT}:<yield >: PLATFORM.self_healing: found a delay of -1 s, at 00:00:20 of the run"],
    ),
    "a delay that is no number": (
        "return self.round_s", "return float('nan')", [f"{AT}:<yield >:", "a delay of nan s"],
    ),
    "NaN replicas": (
        LOOP, f"{LOOP}\n            cluster.want('api', float('nan'))",
        [f"{AT}:<want(>: PLATFORM.self_healing: found nan replicas of api, at 00:00:20 of the run"],
    ),
    "negative replicas": (
        LOOP, f"{LOOP}\n            cluster.want('api', -1)",
        [f"{AT}:<want(>:", "found -1 replicas of api", "expected a whole number of at least 0"],
    ),
    "half a replica": (
        LOOP, f"{LOOP}\n            cluster.want('api', 2.5)", ["found 2.5 replicas of api"],
    ),
    "replicas of nothing": (
        LOOP, f"{LOOP}\n            cluster.want('apy', 2)",
        ["found the unknown service 'apy'", "expected one of api,"],
    ),
    "too many replicas to count": (
        LOOP, f"{LOOP}\n            cluster.want('api', 10**9)",
        ["found 1000000000 replicas of api", "at most 100,000"],
    ),
    "a watch for what never comes": (
        LOOP, f"{LOOP}\n            cluster.watch('exits')",
        [f"{AT}:<watch('exits')>: PLATFORM.self_healing: found a watch for 'exits'", "mean exit?"],
    ),
    "a grace period below 0": (
        LOOP, f"{LOOP}\n            cluster.stop(cluster.containers[0], -5)",
        [f"{AT}:<cluster.stop>: PLATFORM.self_healing: found a grace period of -5 s"],
    ),
    "a server of no size": (
        LOOP, f"{LOOP}\n            cluster.add_server(size=(float('nan'), 1))",
        [f"{AT}:<add_server>: PLATFORM.self_healing: found a server of (nan, 1)"],
    ),
    "an error that cannot be copied": (
        LOOP, f"{LOOP}\n            b''.join([b'\\xff']).decode()\n            open('nothing')",
        [f"{AT}:<decode()>: PLATFORM.self_healing: found UnicodeDecodeError"],
    ),
    "an error with fields of its own": (
        LOOP, f"{LOOP}\n            __import__('json').loads('x')",
        [f"{AT}:<json>: PLATFORM.self_healing: found JSONDecodeError: Expecting value"],
    ),
    "an end of the program": (
        LOOP, f"{LOOP}\n            raise SystemExit(0)",
        [f"{AT}:<raise SystemExit>: PLATFORM.self_healing: found SystemExit: 0, at 00:00:20"],
    ),
    "an error in its loop": (
        LOOP, f"{LOOP}\n            cluster.nosuchverb()",
        [f"{AT}:<nosuchverb>: PLATFORM.self_healing: found AttributeError", "at 00:00:20 of"],
    ),
    "an error in a loop that it begins": (
        LOOP, f"{LOOP}\n            cluster.clock.loop(iter([1 / 0]))",
        [f"{AT}:<1 / 0>: PLATFORM.self_healing: found ZeroDivisionError"],
    ),
    "no event": (
        LOOP, f"{LOOP}\n            yield 5", [f"{AT}:<yield 5>: found `yield` of 5, at 00:00:20"],
    ),
    "no loop": (
        LOOP, "            return None\n", [f"{AT}: PLATFORM.self_healing: found Watchman.run(), "],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", DURING)
def test_nonsense_during_the_run_names_line_choice_value_and_time(sim, case):
    old, new, words = DURING[case]
    assert old in GOOD
    text = GOOD.replace(old, new)
    put(text)
    refused(sim("run", "container_crash", "--platform", "watch", *SHORT), *words, text=text)
    if case == "an error in its loop":
        few = ("--no-plots", "--set", "scenario.horizon=7m", "--platform", "watch")
        refused(sim("compare", "container_crash", *few), *words, text=text)


def test_time_that_stands_still_is_told(sim, monkeypatch):
    monkeypatch.setattr("sim.simulation.loop.MOST_STEPS", 1000)
    put(GOOD.replace("self.wait_s(), ", "0.0, "))
    said = sim("run", "container_crash", "--platform", "watch", *SHORT)
    refused(
        said,
        f"{AT}:<yield >: PLATFORM.self_healing: found a loop that acts 1,001 times without",
    )


def test_from_python_it_is_an_input_error_with_its_cause(sim):
    put(GOOD.replace("return self.round_s", "return self.nothing"))
    with pytest.raises(InputError, match=r"watch\.py:\d+: PLATFORM\.self_healing") as raised:
        compare("container_crash", ["compose", "watch"], settings={"scenario.horizon": "7m"})
    assert isinstance(raised.value.__cause__, AttributeError)


def test_a_defect_of_ours_stays_one(sim, monkeypatch):
    """Only a user's own file is bad input; what our platforms raise is for us to mend."""
    from sim.control.self_healing.restarts import DockerRestarts

    monkeypatch.setattr(DockerRestarts, "exited", lambda *_: 1 / 0)
    put(GOOD)
    said = sim("run", "container_crash", "--platform", "compose", *SHORT)
    assert said.status == 70
    assert "ZeroDivisionError" in said.err
