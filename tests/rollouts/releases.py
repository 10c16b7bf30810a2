"""Rollouts as tests need them: of the endpoint `bot`, from bot@1 to bot@2."""

from roadbed.gateway.release import CanaryStep, First, Mirror, Release
from roadbed.rollouts.planned import plan_of
from roadbed.rollouts.rollout import Rollout
from roadbed.rollouts.state import State

CANARY = Release(
    steps=[CanaryStep(percent=10, hold_s=60), CanaryStep(percent=100)],
    first=First(labels={"team": "shop"}),
    shadow=Mirror(percent=20, budget="2.50"),
)


def made(**more):
    """Return a rollout whose plan, state and spec are given."""
    known = {
        "id": "ro-1",
        "endpoint": "bot",
        "tenant": "default",
        "declared": "bot@2",
        "old": "bot@1",
        "new": "bot@2",
        "old_digest": "sha256:1",
        "new_digest": "sha256:2",
        "snapshot": 3,
        "started_by": "user:a",
        "started_us": 1_000,
        "changed_us": 1_000,
    }
    return Rollout(**{**known, **more})


def a_rollout(phase="canary", release=CANARY, step=0, held=None, **more):
    """Return a rollout that is where *phase*, *step* and *held* say."""
    known = {
        "plan": plan_of(release, promises_latency=True),
        "state": State(phase=phase, step=step, held=held, since_s=1.0),
        "spec": release.model_dump(mode="json") if release else {},
    }
    return made(**{**known, **more})
