"""What rollouts add to the governed path: which of two versions answers this call."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import msgspec

from roadbed.access.authorize import denial
from roadbed.access.steps import questions_of
from roadbed.core.actor import Principal
from roadbed.core.errors import Denied, Invalid
from roadbed.inference.call import Arm, Call, Outcome, TensorRequest
from roadbed.inference.snapshot import Arms, Deployment
from roadbed.rollouts.assignment import bucket_in, bucket_of, number_of, takes
from roadbed.rollouts.form import breaks_form
from roadbed.rollouts.tally import Side

MAY_PLACE = "rollout.place"


def shuts_out(call: Call, outcome: Outcome) -> bool:
    """Say whether the newer version is refused to a caller who may have the older."""
    if not isinstance(outcome.error, Denied):
        return False
    found, caller = call.snapshot.deployments.get(call.endpoint), call.principal
    if found is None or caller is None or call.arm is None or call.arm.side == "old":
        return False
    return call.snapshot.authority.decide_all(caller, questions_of(found))[-1].allowed


FLAWS: Mapping[str, Callable[[Call, Outcome], bool]] = {
    "schema": breaks_form,
    "refused": lambda _, outcome: outcome.refused,
    "shut-out": shuts_out,
}
"""What can be wrong with an answer, and how that is seen."""
_USERS = ("user", "safety_identifier")


class _Metadata(msgspec.Struct):
    user_id: str = ""


_text = msgspec.json.Decoder(str).decode
_metadata = msgspec.json.Decoder(_Metadata).decode


class Assign:
    """Puts a call to the older or the newer version, while one takes over.

    It stands before what decides whether the caller may have that version. An endpoint
    of another tenant is one that nothing is done about.
    """

    def admit(self, call: Call) -> None:
        """Set `call.arm`, where there are two versions and the caller is one of those.

        Raises Denied for who may not choose, and Invalid where there is no choice.
        """
        found, caller = call.snapshot.deployments.get(call.endpoint), call.principal
        if found is None or (found.arms is None and not call.side):
            return
        if caller is None or found.target.tenant != caller.tenant:
            return
        arms = found.arms
        side = _chosen(call, caller, found) if call.side else None
        if arms is None:
            return
        if side is None:
            side = _named(call, caller, found, arms)
        if side is not None or _concerned(caller, arms):
            unit = unit_of(call, caller, arms)
            early = side is None and arms.early > 0 and _is_first(caller, arms)
            side = _kept(arms, unit) if early else side
            arm = arm_of(arms, unit, side, alone=unit == call.id)
            call.arm = replace(arm, early=True) if early else arm

    def finish(self, call: Call, outcome: Outcome) -> None:
        """Note what is wrong with an answer that no record tells."""
        if call.arm is not None and (flaws := flaws_of(call, outcome)):
            call.arm = replace(call.arm, flaws=flaws)


def flaws_of(call: Call, outcome: Outcome) -> frozenset[str]:
    """Return what is wrong with an answer that no record tells."""
    return frozenset(name for name, has in FLAWS.items() if has(call, outcome))


def arm_of(
    arms: Arms, unit: str, side: Side | None = None, *, alone: bool = False
) -> Arm:
    """Return where *unit* belongs, or where it is placed if that is on a *side*.

    *alone* says that the call is the unit.
    """
    number = number_of(arms.salt, unit)
    bucket = bucket_in(number)
    own: Side = "new" if takes(bucket, arms.weight) else "old"
    return Arm(
        rollout=arms.rollout,
        side=side or own,
        unit=number,
        bucket=bucket,
        placed=side is not None,
        weight=arms.weight,
        alone=alone,
    )


def unit_of(call: Call, caller: Principal, arms: Arms) -> str:
    """Return who is assigned as a whole: if nobody is named, the call by itself.

    A call that is repeated under its idempotency key is the same call.
    """
    if arms.unit == "principal":
        return str(caller)
    named = call.unit if arms.unit != "call" else ""
    if not named and arms.unit == "user":
        named = _user_in(call)
    if named:
        return named
    key = call.idempotency_key
    return f"{caller.chain} {key}" if key else call.id


def _chosen(call: Call, caller: Principal, found: Deployment) -> Side:
    """Return the side that the caller asks for, and may; raise Denied or Invalid."""
    target = found.target
    decision = call.snapshot.authority.decide(caller, MAY_PLACE, target)
    if not decision.allowed:
        raise denial(caller, MAY_PLACE, target, decision)
    if found.arms is None:
        raise Invalid(
            f"endpoint {found.endpoint!r} has one version to answer with now",
            hint="leave X-Roadbed-Arm out: no newer version is loaded beside it",
        )
    return "new" if call.side == "new" else "old"


def by_number(caller: Principal, found: Deployment) -> dict[int, Deployment]:
    """Return what *caller* may ask for by the number of its version.

    The newer one is among it, for whoever might get it anyway.
    """
    arms, served = found.arms, {found.version.number: found}
    if arms is None or not arms.weight or not _among(caller, arms):
        return served
    return {arms.newer.version.number: arms.newer} | served


def _named(call: Call, caller: Principal, found: Deployment, arms: Arms) -> Side | None:
    """Return the side whose version the caller names by its number, if it is served."""
    old, new = found.version.number, arms.newer.version.number
    if call.number is None or old == new:
        return None
    if call.number not in by_number(caller, found):
        return None
    return "old" if call.number == old else "new"


def _concerned(caller: Principal, arms: Arms) -> bool:
    """Say whether there is anything to compare, and with *caller*."""
    return bool(arms.weight or arms.mirrored) and _among(caller, arms)


def _kept(arms: Arms, unit: str) -> Side:
    """Return the side on which *unit* was when only some were assigned."""
    return "new" if takes(bucket_of(arms.salt, unit), arms.early) else "old"


def _among(caller: Principal, arms: Arms) -> bool:
    """Say whether *caller* is one of those who are assigned: all, or some first."""
    if arms.early or not (arms.labels or arms.accounts):
        return True
    return _is_first(caller, arms)


def _is_first(caller: Principal, arms: Arms) -> bool:
    """Say whether *caller* is one of those who get a version before anybody else."""
    if caller.kind == "service-account" and caller.name in arms.accounts:
        return True
    labels = arms.labels
    return bool(labels) and all(label in caller.labels for label in labels)


def _user_in(call: Call) -> str:
    """Return the user whom the body names, in the words of its dialect."""
    if isinstance(call.request, TensorRequest):
        return ""
    fields = call.request.fields
    try:
        for name in _USERS:
            if name in fields and (user := _text(fields[name])):
                return user
        return _metadata(fields["metadata"]).user_id if "metadata" in fields else ""
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
