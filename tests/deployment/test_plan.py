"""The plan: executed step by step in a simulated world, it arrives, and no client is ever without a server."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployment.model import Deployment, Image, Instance, Kind, Observation, Side
from deployment.plan import holds, plan
from phases.calendar import PHASES
from phases.deployments import SAFE
from tests.deployment.world import World

STAGES = [stage.deployment for phase in PHASES for stage in phase.stages]


def arrive(world: World, desired: Deployment) -> list[Kind]:
    """Bring the world to the deployment and return the kinds of changes it took."""
    kinds = []
    for _ in range(4):
        for change in plan(world.observation, desired):
            world.do(change)
            assert holds(change, world.observation) is None
            world.assert_served()
            kinds.append(change.kind)
    assert plan(world.observation, desired) == ()
    return kinds


def test_the_nine_weeks_in_order_arrive_and_serve_all_along() -> None:
    world = World()
    for desired in STAGES:
        arrive(world, desired)
    assert world.observation.images == {Image.FUSE3}
    assert [i.name for i in world.observation.instances if not i.draining] == ["canary-2"]


@given(st.lists(st.sampled_from([*STAGES, SAFE]), max_size=6), st.sampled_from(STAGES))
def test_any_deployment_is_reached_from_any_other(walk: list[Deployment], last: Deployment) -> None:
    world = World()
    for desired in [*walk, last]:
        arrive(world, desired)


@given(st.sampled_from(STAGES), st.sampled_from(STAGES), st.integers(0, 12))
def test_a_plan_cut_off_anywhere_is_completed_by_the_next_one(start: Deployment, end: Deployment, cut: int) -> None:
    world = World()
    arrive(world, start)
    for change in plan(world.observation, end)[:cut]:
        world.do(change)
    arrive(world, end)


@pytest.mark.parametrize("stage", [s for s in STAGES if s.weight > 0 and s.stable is not None])
def test_a_rollback_moves_the_traffic_before_anything_else(stage: Deployment) -> None:
    world = World()
    arrive(world, stage)
    first = plan(world.observation, SAFE)[0]
    assert first.kind is Kind.WEIGHT
    assert first.weight == 0


def test_a_rollback_without_a_stable_side_starts_it_before_it_moves_traffic() -> None:
    world = World()
    for desired in STAGES:
        arrive(world, desired)
    kinds = [c.kind for c in plan(world.observation, SAFE)]
    assert kinds.index(Kind.PREPARE) < kinds.index(Kind.START) < kinds.index(Kind.WEIGHT) < kinds.index(Kind.RETIRE)


def test_an_instance_that_is_not_ready_is_replaced_beside_and_not_restarted() -> None:
    world = World()
    arrive(world, SAFE)
    sick = replace(world.observation.instances[-1], ready=False)
    world.observation = replace(world.observation, instances=(sick,))
    changes = plan(world.observation, SAFE)
    assert [c.kind for c in changes] == [Kind.START, Kind.ROUTE, Kind.LIVE, Kind.RETIRE]
    assert changes[0].subject == f"stable-{sick.generation + 1}"
    assert changes[-1].subject == sick.name


def test_names_are_never_given_twice() -> None:
    observed = Observation(last={Side.STABLE: 7})
    start = next(c for c in plan(observed, SAFE) if c.kind is Kind.START)
    assert start.subject == "stable-8"


def test_a_setting_that_is_not_in_force_is_configured_and_named() -> None:
    world = World()
    arrive(world, SAFE)
    mirrored = replace(SAFE, stable=replace(SAFE.stable or Instance(Image.DUAL, "fusepy"), mirror=True))
    (change,) = plan(world.observation, mirrored)
    assert change.kind is Kind.CONFIGURE
    assert change.after == "PARALLEL_TEST=true"
    assert "PARALLEL_TEST" in (holds(change, world.observation) or "")


def test_an_unknown_weight_is_set_and_never_taken_for_the_wanted_one() -> None:
    world = World()
    arrive(world, SAFE)
    world.observation = replace(world.observation, weight=None)
    assert [c.kind for c in plan(world.observation, SAFE)] == [Kind.WEIGHT]
