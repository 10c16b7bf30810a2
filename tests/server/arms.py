"""A house in which a newer version of the endpoint `bot` takes over."""

from contextlib import contextmanager
from dataclasses import replace

from roadbed.core.actor import Principal
from roadbed.inference.snapshot import Arms, Choice, Deployment, ModelVersion
from roadbed.inference.terms import Retries, Terms
from tests.server.house import FOREVER, Echo, serving, serving_house

PLACER, STAFF, STRANGER = "rbk_placer_secret", "rbk_staff_secret", "rbk_away_secret"


def someone(name, *roles, **more):
    return Principal(
        kind="service-account",
        name=name,
        roles=frozenset(roles),
        expires_us=FOREVER,
        fresh_until_us=FOREVER,
        **more,
    )


ARM_KEYS = {
    PLACER: someone("placer", "app", "researcher"),
    STAFF: someone("staff", "app", labels=(("site", "b"), ("team", "shop"))),
    STRANGER: someone("away", "app", "researcher", tenant="other"),
}


def one(runner, number, model="bot", terms=None, **more):
    """Return the endpoint `bot` as it serves *runner* as this version of *model*."""
    version = ModelVersion(
        model=model,
        number=number,
        digest=f"sha256:{model}{number}",
        definition={"hosted": {}},
    )
    terms = Terms(**({"retries": Retries(attempts=1)} | (terms or {})))
    choice = Choice.at(version, runner, "tiny")
    return Deployment(endpoint="bot", choices=(choice,), terms=terms, **more)


def both(old=None, new=None, numbers=(1, 2), terms=None, models=("bot", "bot"), **arms):
    """Return `bot` with two versions, of which *arms* say who gets the newer one."""
    newer = one(new or Echo("new"), numbers[1], models[1], terms)
    said = Arms(**{"rollout": "ro-1", "salt": "bot", "newer": newer, **arms})
    return one(old or Echo("old"), numbers[0], models[0], terms, arms=said)


@contextmanager
def house_in_rollout(deployed=None, keys=None, **how):
    """Run a house that serves *deployed*, or what `show` puts in its place."""
    runners = {"bot": deployed or both(weight=5_000)}
    with serving_house(runners=runners, keys=ARM_KEYS | (keys or {}), **how) as house:
        yield house


def show(house, deployed):
    """Let *house* serve *deployed* from now on."""
    picture = serving({"bot": deployed}, keys=house.keys)
    kept = replace(picture, runners=house.switch.serving.runners)
    house.on_loop(house.switch.swap, kept)
