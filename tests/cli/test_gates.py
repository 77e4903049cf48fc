"""`--expect`, `--check` and `--junit`: what fails a build, and how it is told."""

from xml.etree import ElementTree

import pytest

RUN = ("run", "container_crash", "--no-plots")
HELD = ("--expect", "kubernetes.downtime_s<60")
FAILED = ("--expect", "downtime_s<60")  # Compose is down for 341 s, Kubernetes for 3


@pytest.mark.parametrize("verb", [RUN, ("compare", *RUN[1:], "--platform", "compose,kubernetes")])
def test_an_expectation_decides_the_status_and_stands_first(sim, calls, verb):
    assert sim(*verb, *HELD).status == 0
    said = sim(*verb, *FAILED)
    assert said.status == 1
    head, first, second, *_ = said.out.splitlines()
    assert head.split() == ["expected", "platform", "value", "margin"]
    words = [" ".join(line.split()) for line in (first, second)]
    assert words[0] == "FAILS downtime_s<60 compose 5 min 41 s 4 min 41 s beyond"
    assert words[1] == "holds downtime_s<60 kubernetes 3 s 57 s"


def test_json_stays_alone_on_standard_output(sim, calls):
    said = sim(*RUN, *FAILED, "--json")
    assert said.out.startswith("{")
    assert "FAILS" in said.err
    assert said.status == 1


def test_a_wrong_expectation_is_told_before_anything_runs(sim, calls):
    said = sim(*RUN, "--expect", "downtme_s<60", "--expect", "swarm.downtime_s<3")
    assert said.status == 2
    assert "did you mean downtime_s?" in said.err
    assert "swarm" in said.err
    assert calls == []


def test_junit_names_what_failed(sim, calls, tmp_path):
    said = sim(*RUN, *FAILED, "--check", "--junit", "gates.xml")
    assert said.status == 1
    suite = ElementTree.parse(tmp_path / "gates.xml").getroot()[0]
    failed = {case.get("name"): case.find("failure").get("message") for case in suite if len(case)}
    assert failed["compose: downtime_s<60"] == "compose: downtime_s<60: measured 341"
    assert "compose: SLO" in failed
    assert "kubernetes: downtime_s<60" not in failed
    assert suite.get("tests") == str(len(suite))
    assert suite.get("failures") == str(len(failed))


@pytest.mark.parametrize("place", [".", "nowhere/gates.xml"])
def test_a_file_that_cannot_be_written_is_told_before_anything_runs(sim, calls, place):
    said = sim(*RUN, "--junit", place)
    assert said.status == 2
    assert "--junit" in said.err
    assert calls == []


def test_somebody_s_own_stack_is_not_asked_for_the_article_s_claims(sim, calls, tmp_path):
    (tmp_path / "mine.yml").write_text(
        "services:\n  api:\n    image: node:22\n    ports: ['80:80']\n    restart: always\n"
    )
    wide = ("--platform", "kubernetes", "--set", "scenario.slo.success=50%")
    own = sim(*RUN, "--stack", "mine.yml", "--check", *wide)
    assert own.status == 0, own.err
    assert "What is claimed" not in own.out
    assert "What is claimed" in sim(*RUN, *wide).out
