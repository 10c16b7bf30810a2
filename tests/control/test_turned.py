"""What another pin does to a rollout is told in one quiet line."""

from roadbed.control.rolling import Turn
from roadbed.control.turned import told, way
from roadbed.core.decision import Target
from roadbed.gateway.release import First, Release
from roadbed.rollouts.planned import plan_of

TARGET = Target(kind="Endpoint", name="bot")


def turn(release=None, **more):
    plan = plan_of(release, promises_latency=False)
    known = {"endpoint": "bot", "tenant": "default", "before": "bot@1", "pin": "bot@2"}
    return Turn(**{**known, **more}, release=release, plan=plan)


def test_without_a_block_nothing_is_said():
    assert told([turn()]) == []


def test_who_gets_it_and_who_has_to_approve_is_said():
    release = Release(first=First(labels={"team": "shop"}), approval=True)

    assert told([turn(release, approval=True)]) == [
        "bot goes from bot@1 to bot@2: canary of 50 % of the first, 5, 25, 50, 95 %, "
        "then all; waits until somebody else approves"
    ]


def test_what_takes_another_permission_is_said():
    immediate = Release(strategy="immediate")

    assert told([turn(immediate, targets=(TARGET,))]) == [
        "bot goes from bot@1 to bot@2: immediate; "
        "takes the permission rollout.immediate"
    ]
    assert told([turn(targets=(TARGET,))]) == [
        "bot goes from bot@1 to bot@2 at once; takes the permission rollout.immediate"
    ]


def test_a_pin_that_stays_tells_what_is_left_out():
    assert told([turn(before="bot@2", targets=(TARGET,))]) == [
        "bot leaves out how its next version is released; "
        "takes the permission rollout.immediate"
    ]


def test_calls_are_mirrored_first_if_that_is_how_it_goes():
    plan = plan_of(Release(strategy="shadow"), promises_latency=False)

    assert way(plan) == "shadow of mirrored, 95 %, then all"
