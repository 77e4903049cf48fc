"""What a month costs: sums that a reader can do by hand, and what each platform adds."""

import pytest

from sim.library.stacks import load_stack
from sim.results.bill import MonthlyCost, monthly_cost
from sim.results.figures import figure_at
from sim.schema.settings import apply_settings
from tests.control.outage import replay


def test_a_month_is_730_hours_and_people_are_paid_by_the_hour():
    stack = load_stack("sspp")
    bill = monthly_cost(stack, 0.60, 0.10, 0.0225, people_hours=3.0)
    # one volume, PostgreSQL's: Redis keeps nothing on a disk there; 20 GiB at 0.08
    assert bill == MonthlyCost(
        servers=pytest.approx(438.0), control_plane=pytest.approx(73.0),
        balancer=pytest.approx(16.425), volumes=pytest.approx(1.6), people=150.0,
    )  # fmt: skip
    assert bill.total == pytest.approx(679.025)


def test_a_queue_that_writes_to_a_disk_has_a_volume_too():
    stack = apply_settings(load_stack("sspp"), {"services.redis.persistence": "rdb"})
    assert monthly_cost(stack, 0.0) == MonthlyCost(volumes=pytest.approx(3.2))


@pytest.mark.parametrize(
    ("platform", "beside"), [("compose", 0.0), ("swarm", 0.0225), ("kubernetes", 0.1225)]
)
def test_a_platform_charges_for_its_control_plane_and_its_entry(platform, beside):
    done = replay(platform=platform, horizon_s=60.0)
    month = done.month
    assert month.control_plane + month.balancer == pytest.approx(beside * 730.0)
    servers = 1 if platform == "compose" else 3
    assert month.servers == pytest.approx(servers * 0.20 * 730.0)
    assert figure_at("cost.usd_month").of(done) == month.total


def test_extended_support_and_larger_volumes_are_settings():
    settings = {"kubernetes.scheduling.price_per_hour": 0.6, "stack.prices.volume": "100Gi"}
    month = replay(platform="kubernetes", horizon_s=60.0, settings=settings).month
    assert (month.control_plane, month.volumes) == (pytest.approx(438.0), pytest.approx(8.0))
