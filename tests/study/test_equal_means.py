"""Equal means: they change means alone, as far as a platform has the field, and say where not."""

import pytest

import sim
from sim.simulation.endowment import facing_of
from sim.study.ask import Ask
from sim.study.equal_means import as_healthcheck, as_probes
from sim.study.plan import plan

BOTH = ("compose", "kubernetes")
MEANS = {"replicas", "restart", "memory", "cpu", "probes", "healthcheck", "stop", "scaling"}


def cases(platforms, equal, **more):
    planned = plan(Ask("container_crash", platforms, equal_means=equal, **more))
    return {case.platform: case for case in planned.cases}, planned.notes


def test_only_means_change():
    before, _ = cases(("all",), equal=False)
    after, _ = cases(("all",), equal=True)
    for name, case in after.items():
        own = before[name]
        assert case.scenario == own.scenario
        assert case.choices == own.choices
        for service, record in case.stack.services.items():
            old = own.stack.services[service].model_dump()
            changed = {k for k, value in record.model_dump().items() if value != old[k]}
            assert changed <= MEANS, (name, service)
        rest = {"services", "servers"}
        assert case.stack.model_dump(exclude=rest) == own.stack.model_dump(exclude=rest)


@pytest.mark.parametrize("platforms", [BOTH, ("compose_hardened", "kubernetes", "swarm")])
def test_what_all_have_is_the_same(platforms):
    sides, _ = cases(platforms, equal=True)
    stacks = [case.stack for case in sides.values()]
    for name in facing_of(stacks[0]):
        services = [stack.services[name] for stack in stacks]
        assert len({service.replicas for service in services}) == 1
        assert len({service.memory.limit for service in services}) == 1
        assert len({service.stop.grace for service in services}) == 1
    cores = {(s.servers.count or 1) * s.servers.machine.cores for s in stacks}
    prices = {(s.servers.count or 1) * s.servers.machine.price_per_hour for s in stacks}
    assert len(cores) == 1
    assert len({round(price, 9) for price in prices}) == 1


def test_who_can_have_one_replica_alone_sets_the_number_for_all():
    sides, notes = cases(BOTH, equal=True)
    assert [case.stack.services["api"].replicas for case in sides.values()] == [1, 1]
    assert sides["kubernetes"].stack.services["api"].scaling.min == 1
    assert sides["compose"].stack.services["api"].restart == "always"
    assert any("one api alone" in note for note in notes)


def test_with_a_balancer_it_may_have_as_many():
    sides, notes = cases(("compose_hardened", "kubernetes"), equal=True)
    assert [case.stack.services["api"].replicas for case in sides.values()] == [3, 3]
    assert not any("alone" in note for note in notes)


def test_what_somebody_sets_for_all_stays():
    sides, _ = cases(
        ("compose_hardened", "kubernetes"), equal=True,
        settings={"stack.services.api.memory.limit": "1Gi", "stack.services.api.replicas": 5},
    )  # fmt: skip
    assert {c.stack.services["api"].memory.limit for c in sides.values()} == {1024**3}
    assert {c.stack.services["api"].replicas for c in sides.values()} == {5}


def test_a_check_is_said_in_the_words_of_each():
    sides, notes = cases(("compose_hardened", "kubernetes", "cloud_run"), equal=True)
    worker = sides["kubernetes"].stack.services["worker"]
    check = sides["compose_hardened"].stack.services["worker"].healthcheck
    assert as_healthcheck(worker.probes) == check
    assert as_healthcheck(as_probes(check)) == check
    assert any("cloud_run checks by rules of its own" in note for note in notes)


def test_plans_of_other_sides_are_other_plans():
    keys = {
        plan(Ask("container_crash", platforms, equal_means=equal)).key
        for platforms, equal in ((BOTH, False), (BOTH, True), ((*BOTH, "swarm"), True))
    }
    assert len(keys) == 3


def test_a_post_mortem_with_equal_means_is_refused():
    with pytest.raises(sim.InputError, match="equal-means: found equal means and a post-mortem"):
        sim.compare("container_crash", BOTH, equal_means=True, postmortem=True)


@pytest.mark.slow
def test_with_equal_means_a_restart_takes_what_the_platform_takes():
    """Docker restarts at once; Swarm waits 5 s, Nomad 15 s: the order of the waits decides."""
    result = sim.compare(
        "container_crash:process_crash", ["compose", "swarm", "nomad"], reps=3, equal_means=True
    )
    down = [figures["downtime_s"] for figures in result.platforms.values()]
    assert down == sorted(down)
    assert down[2] - down[1] > 10.0
