"""`run`: what is run, what is printed where, what is written, which status."""

import json
import signal

import pytest

from sim.results.ledger import LedgerError
from sim.schema.scenario import Scenario

RUN = ("run", "container_crash", "--no-plots")


def test_it_runs_both_platforms_and_writes_a_report(sim, calls, tmp_path):
    said = sim("run", "container_crash")
    assert said.status == 0
    seeds = range(1, 11)  # so small a study has ten, for a range
    assert [(platform, seed) for platform, seed, *_ in calls] == [
        (platform, seed) for seed in seeds for platform in ("compose", "kubernetes")
    ]
    assert said.out.startswith("Kubernetes: 5 min 38 s less down than Compose")
    assert "[in each of 10 seeds]" in said.out.split("\n")[0]
    assert "5 min 41 s" in said.out
    assert "00:05:00 api-1 killed by docker kill (exit 137)" in said.out
    report = tmp_path / "reports" / "container_crash"
    assert {path.name for path in report.iterdir()} == {
        "summary.json", "summary.md", "postmortem.md", "timeline.csv", "series.csv",
        "report.html", "downtime.png", "jobs.png", "connections.png",
    }  # fmt: skip


def test_piped_output_is_plain_and_fits_100_columns(sim, calls):
    said = sim(*RUN)
    assert "\x1b" not in said.out + said.err
    assert max(len(line) for line in said.out.splitlines()) <= 100
    assert not any(line != line.rstrip() for line in said.out.splitlines())


def test_json_is_alone_on_standard_output(sim, calls, tmp_path):
    said = sim(*RUN, "--json", "--out", "here")
    assert json.loads(said.out)["schema"] == 2
    assert said.out == (tmp_path / "here" / "summary.json").read_text()
    assert "requests" in said.err  # progress went to the other stream


def test_what_the_verdict_hangs_on_stands_in_the_report_when_asked(sim, calls, tmp_path):
    """Synthetic runs: nothing that is set makes a difference."""
    said = sim(*RUN, "--reps", "1", "--unknowns")
    assert said.status == 0, said.err
    lines = said.out.splitlines()
    (finding,) = [k for k, line in enumerate(lines) if "Kubernetes is best" in line]
    assert "numbers that nobody knows flips that." in " ".join(lines[finding : finding + 2])
    page = (tmp_path / "reports" / "container_crash" / "report.html").read_text()
    assert "What it hangs on" in page
    assert "numbers that nobody knows flips that." in page
    assert "What it hangs on" not in sim_page(sim, tmp_path)


def sim_page(sim, tmp_path):
    sim(*RUN, "--reps", "1", "--out", "plain")
    return (tmp_path / "plain" / "report.html").read_text()


def test_progress_is_one_line_a_platform_without_a_terminal(sim, calls):
    said = sim(*RUN, "--reps", "3")
    lines = [line for line in said.err.splitlines() if "simulated" in line]
    assert [line.split(":")[0] for line in lines] == ["compose", "kubernetes"]
    assert all("3 runs" in line for line in lines)


def test_replications_count_seeds_up_on_every_platform(sim, calls):
    said = sim(*RUN, "--reps", "2", "--seed", "40", "--json")
    assert sorted(seed for _, seed, *_ in calls) == [40, 40, 41, 41]
    summary = json.loads(said.out)
    assert summary["reps"] == 2
    assert "downtime_s" in summary["platforms"]["compose"]["intervals"]


def test_platforms_can_be_chosen(sim, calls):
    assert sim(*RUN, "--platform", "kubernetes").status == 0
    assert {platform for platform, *_ in calls} == {"kubernetes"}


def test_settings_reach_the_run(sim, calls):
    said = sim(*RUN, "--set", "scenario.horizon=20m", "--set", "stack.services.api.replicas=4")
    assert said.status == 0
    scenario = calls[0][3]
    assert scenario.horizon == 1200.0
    assert scenario.set["stack.services.api.replicas"] == 4


def test_the_engine_reaches_the_run(sim, calls):
    sim(*RUN, "--engine", "reference")
    assert {engine for _, _, engine, *_ in calls} == {"reference"}


def test_a_trace_takes_the_place_of_the_traffic(sim, calls, tmp_path):
    (tmp_path / "trace.csv").write_text("time,rate\n0,3\n60,9\n")
    assert sim(*RUN, "--traffic", "trace.csv").status == 0
    traffic = calls[0][3].traffic
    assert traffic.trace == ["trace.csv"]
    assert traffic.rate is None


def test_a_scenario_from_a_file(sim, calls, tmp_path):
    (tmp_path / "mine.yaml").write_text(
        "name: mine\ntitle: Mine\nlesson: Mine.\nhorizon: 20m\ntraffic: {rate: 5/s}\n"
        "events:\n  - at: 5m\n    operator_kill: {service: api}\n"
    )
    assert sim("run", "mine.yaml", "--no-plots").status == 0
    assert (tmp_path / "reports" / "mine" / "summary.json").exists()


def test_a_variant_has_a_report_of_its_own(sim, calls, tmp_path):
    assert sim("run", "container_crash:process_crash", "--no-plots").status == 0
    assert (tmp_path / "reports" / "container_crash-process_crash").is_dir()


def test_check_says_what_did_not_hold_and_exits_1(sim, calls):
    said = sim(*RUN, "--check")
    assert said.status == 1
    assert "the SLO does not hold under compose" in said.err
    assert sim(*RUN).status == 0  # without --check a claim is only shown


def test_check_passes_when_claims_and_slo_hold(sim, calls):
    said = sim(*RUN, "--check", "--platform", "kubernetes", "--set", "scenario.claims=[]")
    assert said.status == 0, said.err


def test_a_broken_ledger_exits_70_with_platform_seed_and_time(sim, calls, monkeypatch):
    def broken(case, seed, *, engine="auto", progress=None):
        progress(120.0, 480)
        raise LedgerError("the ledger does not balance at 180.000 s: jobs: 3 against 4")

    monkeypatch.setattr("sim.simulation.simulation.run_case", broken)
    said = sim(*RUN, "--seed", "9")
    assert said.status == 70
    assert "compose, seed 9, after 120 s" in said.err
    assert "jobs: 3 against 4" in said.err
    assert "Traceback" not in said.err


def interrupting(monkeypatch, after):
    from sim.simulation import simulation

    real, done = simulation.run_case, []

    def run_case(*arguments, **more):
        if len(done) == after:
            raise KeyboardInterrupt
        done.append(1)
        return real(*arguments, **more)

    monkeypatch.setattr("sim.simulation.simulation.run_case", run_case)


def test_interrupted_keeps_what_was_finished_and_exits_130(sim, calls, monkeypatch, tmp_path):
    interrupting(monkeypatch, after=1)
    said = sim(*RUN)
    assert said.status == 130
    summary = json.loads((tmp_path / "reports/container_crash/summary.json").read_text())
    assert list(summary["platforms"]) == ["compose"]
    assert "interrupted" in said.err


def test_what_is_refused_while_it_runs_costs_no_run_that_was_finished(
    sim, calls, monkeypatch, tmp_path
):
    from sim.schema.fields import InputError
    from sim.simulation import simulation

    real = simulation.run_case

    def run_case(case, *arguments, **more):
        if case.platform == "kubernetes":
            raise InputError(field="server", found="7", expected="1 to 3")
        return real(case, *arguments, **more)

    monkeypatch.setattr("sim.simulation.simulation.run_case", run_case)
    said = sim(*RUN)
    assert said.status == 2
    assert said.err.splitlines()[-2:] == [
        "report: reports/container_crash", "server: found 7; expected 1 to 3",
    ]  # fmt: skip
    assert "Compose" in said.out
    summary = json.loads((tmp_path / "reports/container_crash/summary.json").read_text())
    assert list(summary["platforms"]) == ["compose"]


def test_interrupted_before_anything_was_finished_writes_nothing(sim, calls, monkeypatch, tmp_path):
    interrupting(monkeypatch, after=0)
    said = sim(*RUN)
    assert said.status == 130
    assert list(tmp_path.iterdir()) == []


def test_interrupted_while_the_report_is_written_it_is_written(sim, calls, monkeypatch, tmp_path):
    from sim.report import files

    real = files.markdown

    def impatient(*arguments):
        signal.raise_signal(signal.SIGINT)
        return real(*arguments)

    monkeypatch.setattr(files, "markdown", impatient)
    said = sim(*RUN)
    assert said.status == 130
    assert "interrupted: what was finished is in reports/container_crash" in said.err
    folder = tmp_path / "reports/container_crash"
    assert {"summary.md", "report.html", "series.csv"} <= {path.name for path in folder.iterdir()}
    with pytest.raises(KeyboardInterrupt):  # and afterwards it is heard again
        signal.raise_signal(signal.SIGINT)


def test_an_unusable_folder_is_told_before_the_run(sim, calls, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    said = sim(*RUN, "--out", ".")
    assert said.status == 2
    assert "notes.txt" in said.err
    assert calls == []


BAD = [
    (("run",), "SCENARIO"),
    (("rnu", "container_crash"), 'Did you mean "run"'),
    (("run", "container_crush"), "did you mean container_crash?"),
    (("run", "container_crash:nope"), "unknown variant"),
    (("run", "missing.yaml"), "no such file"),
    ((*RUN, "--sed", "3"), "Did you mean --seed"),
    ((*RUN, "--seed", "many"), "--seed"),
    ((*RUN, "--seed", "-1"), "seed: found -1"),
    ((*RUN, "--seed", str(2**70)), "seed"),
    ((*RUN, "--reps", "0"), "reps: found 0"),
    ((*RUN, "--reps", "1.5"), "--reps"),
    ((*RUN, "--platform", "kubernets"), "did you mean kubernetes?"),
    ((*RUN, "--platform", ","), "platform"),
    ((*RUN, "--engine", "fast"), "--engine"),
    ((*RUN, "--stack", "sspq"), "did you mean sspp?"),
    ((*RUN, "--stack", "nowhere/docker-compose.yml"), "no such file"),
    ((*RUN, "--traffic", "nowhere.csv"), "nowhere.csv"),
    ((*RUN, "--set", "scenario.horizn=1h"), "did you mean horizon?"),
    ((*RUN, "--set", "stak.services.api.replicas=3"), "did you mean stack?"),
    ((*RUN, "--set", "horizon"), "PATH=VALUE"),
    ((*RUN, "--set", "scenario.traffic.rate=-5/s"), "a rate such as"),
    ((*RUN, "--set", "stack.services.api.replicas=512Mi"), "replicas"),
    ((*RUN, "--set", "scenario.events.0.at=99h"), "before the horizon"),
    ((*RUN, "--out", "/proc/nothing"), "--out"),
    (("explain", "hpaa"), "nothing to explain"),
    (("list", "scenaros"), "scenaros"),
]


@pytest.mark.parametrize(("arguments", "said"), BAD, ids=[" ".join(a) for a, _ in BAD])
def test_bad_input_is_one_message_and_status_2(sim, calls, arguments, said):
    told = sim(*arguments)
    assert told.status == 2
    assert said in told.err
    assert told.out == ""
    assert "Traceback" not in told.err
    assert calls == []


def test_yaml_that_is_not_yaml_names_file_and_line(sim, calls, tmp_path):
    (tmp_path / "bad.yaml").write_text("name: x\n  title: [\n")
    told = sim("run", "bad.yaml")
    assert told.status == 2
    assert "bad.yaml:2" in told.err


def test_claims_about_unknown_figures_are_refused(sim, calls, tmp_path):
    claim = "{id: c, says: s, platform: compose, metric: downtme_s, low: 1}"
    (tmp_path / "mine.yaml").write_text(
        "name: mine\ntitle: Mine\nlesson: Mine.\nhorizon: 20m\ntraffic: {rate: 5/s}\n"
        f"events:\n  - at: 5m\n    operator_kill: {{service: api}}\nclaims: [{claim}]\n"
    )
    told = sim("run", "mine.yaml")
    assert told.status == 2
    assert "downtime_s" in told.err


def test_the_fixture_hands_over_what_run_case_takes(sim, calls):
    sim(*RUN)
    assert isinstance(calls[0][3], Scenario)


def test_a_post_mortem_runs_it_again_with_one_thing_changed(sim, calls, tmp_path):
    said = sim(*RUN, "--reps", "1", "--postmortem", "--platform", "compose")
    assert said.status == 0
    first, *again = calls
    assert len(again) >= 4
    changed = [(scenario, stack) for *_, scenario, stack in again]
    assert all((scenario, stack) != first[3:] for scenario, stack in changed)
    assert {seed for _, seed, *_ in calls} == {1}  # the same customers
    assert "What would have helped under Compose" in said.out
    assert max(len(line) for line in said.out.splitlines()) <= 100
    text = (tmp_path / "reports" / "container_crash" / "postmortem.md").read_text()
    assert "made no difference" in text  # these runs are all alike
    assert "--postmortem" in text.splitlines()[-1]


def test_without_it_nothing_runs_again_and_the_file_says_so(sim, calls, tmp_path):
    assert sim(*RUN).status == 0
    assert len(calls) == 20
    text = (tmp_path / "reports" / "container_crash" / "postmortem.md").read_text()
    assert "Not measured: a cause is only what was run again without it" in text


def test_interrupted_while_it_runs_again_it_keeps_the_rest(sim, calls, tmp_path, monkeypatch):
    from sim.simulation import simulation

    run_case = simulation.run_case

    def impatient(*arguments, **named):
        if len(calls) == 3:
            raise KeyboardInterrupt
        return run_case(*arguments, **named)

    monkeypatch.setattr("sim.simulation.simulation.run_case", impatient)
    said = sim(*RUN, "--postmortem", "--platform", "compose")
    assert said.status == 130
    text = (tmp_path / "reports" / "container_crash" / "postmortem.md").read_text()
    assert "Interrupted" in text
    assert "### Impact" in text
    assert len(calls) == 3


def test_from_python_it_is_a_word(calls):
    from sim import compare

    found = compare("container_crash", ["compose"], postmortem=True).counterfactuals
    assert len(found["compose"]) >= 4
    assert compare("container_crash", ["compose"]).counterfactuals is None


def test_a_part_of_a_recording_is_named_in_all_that_is_written(sim, calls, tmp_path):
    stamps = [f"{t}.5\n" for t in range(0, 3600, 2)]
    (tmp_path / "a.txt").write_text("".join(stamps))
    said = sim(*RUN, "--traffic", "a.txt", "--from", "10m", "--speed", "2", "--scale", "3")
    assert said.status == 0
    assert "traffic: a.txt: time stamps" in said.err
    assert "2 times as fast, 3 times as many: 4,500 requests" in said.err
    folder = tmp_path / "reports" / "container_crash"
    for name in ("summary.md", "report.html"):
        assert "2 times as fast" in (folder / name).read_text(), name
    traffic = json.loads((folder / "summary.json").read_text())["traffic"]
    assert traffic["requests_used"] == 4500.0
    assert traffic["lines"]["used"] == 1800


def test_recordings_may_be_several(sim, calls, tmp_path):
    (tmp_path / "a.txt").write_text("0\n1\n")
    (tmp_path / "b.txt").write_text("2\n3\n")
    assert sim(*RUN, "--traffic", "a.txt", "--traffic", "b.txt").status == 0
    assert calls[0][3].traffic.trace == ["a.txt", "b.txt"]
    assert (
        "--traffic a.txt --traffic b.txt"
        in (tmp_path / "reports" / "container_crash" / "report.html").read_text()
    )
