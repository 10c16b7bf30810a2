"""What it costs to know who calls and whether they may: CPU per call.

```
python bench/access.py             # about ten seconds
```

Cached: the key was seen before and the policies are the same, as on nearly every
call. Cold: a principal that was never seen, proven by an ES256 signature, with both
decisions, endpoint and version, made by Cedar. Each figure stands beside SHA-256 of
1 KB in the same run: the ratio is what stays comparable between machines.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from itertools import count

import cedarpy
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from roadbed.access.authority import CedarAuthority, compile_policies
from roadbed.access.question import principal_entity, request_of, target_entity
from roadbed.access.rules import built_in_rules
from roadbed.access.schema import cedar_schema
from roadbed.access.steps import Authenticate, Authorize
from roadbed.core.actor import Principal
from roadbed.core.decision import Target
from roadbed.identity.tokens import credential_digest
from roadbed.inference.call import Call, TensorRequest
from roadbed.inference.snapshot import Choice, Deployment, ModelVersion, Snapshot

NOW = 1_763_632_800_000_000
KEY = "rbk_bench_" + "0" * 64
TOKEN = b"x" * 500
CACHED_GOAL_US, COLD_GOAL_US, RATIO_GOAL = 5.0, 300.0, 2.0


def main() -> None:
    """Measure and print."""
    kilobyte = b"x" * 1024
    fixed = cpu_us(lambda: hashlib.sha256(kilobyte).digest(), 200_000)
    print(f"  SHA-256 of 1 KB           {fixed:8.2f} µs CPU, the measure of this run")
    tell("cached, per call", cached(), fixed, CACHED_GOAL_US)
    few, many = cold(5), cold(1_000)
    tell("cold, 5 on the list", few, fixed, COLD_GOAL_US)
    tell("cold, 1,000 on the list", many, fixed, COLD_GOAL_US)
    print(f"  1,000 members cost {many / few:.2f} x 5 (goal: under {RATIO_GOAL:g} x)")
    bare = bare_cedar()
    print(f"  one decision of cedarpy   {bare:8.2f} µs, everything parsed before")
    print(f"  of a cold call: ES256     {signature():8.2f} µs")


def tell(name: str, found: float, fixed: float, goal: float) -> None:
    """Print one figure, its ratio and its goal."""
    ratio = f"{found / fixed:7.1f} x SHA-256"
    print(f"  {name:<25} {found:8.2f} µs, {ratio} (goal: {goal:g} µs)")


def cpu_us(work: Callable[[], object], times: int, rounds: int = 5) -> float:
    """Return the CPU microseconds of *work*, the least of *rounds* averages."""
    found = []
    for _ in range(rounds):
        before = time.process_time()
        for _ in range(times):
            work()
        found.append((time.process_time() - before) / times * 1e6)
    return min(found)


def cached() -> float:
    """Return the CPU of authentication and authorization when both are known."""
    call = a_call(snapshot(compile_policies({}), 5))
    steps = Authenticate(lambda: NOW), Authorize()

    def travel() -> None:
        for step in steps:
            step.admit(call)

    return cpu_us(travel, 20_000)


def cold(members: int) -> float:
    """Return the CPU of a principal never seen before: proof, and both decisions."""
    served = snapshot(compile_policies({}), members)
    key = ec.generate_private_key(ec.SECP256R1())
    public, algorithm = key.public_key(), ec.ECDSA(hashes.SHA256())
    signed, strangers, step = key.sign(TOKEN, algorithm), principals(), Authorize()

    def travel() -> None:
        public.verify(signed, TOKEN, algorithm)
        call = a_call(served)
        call.principal = next(strangers)
        step.admit(call)

    travel()
    return cpu_us(travel, 300)


def signature() -> float:
    """Return the CPU of verifying one ES256 signature."""
    key = ec.generate_private_key(ec.SECP256R1())
    public, algorithm = key.public_key(), ec.ECDSA(hashes.SHA256())
    signed = key.sign(TOKEN, algorithm)
    return cpu_us(lambda: public.verify(signed, TOKEN, algorithm), 300)


def bare_cedar() -> float:
    """Return the CPU of one decision on handles that were all parsed before."""
    who, target = next(principals()), Target(kind="ModelVersion", name="m@1")
    rules = [r.text for r in built_in_rules() if r.concerns("version.infer")]
    policies = cedarpy.PolicySet.from_str("\n".join(rules))
    text = json.dumps([principal_entity(who), target_entity(target)])
    entities = cedarpy.Entities.from_json_str(text, cedar_schema())
    request = request_of(who, "version.infer", target, fresh=False)
    return cpu_us(lambda: cedarpy.is_authorized(request, policies, entities), 500)


def principals() -> Iterator[Principal]:
    """Yield applications that nobody saw before."""
    for number in count():
        yield Principal(
            kind="service-account",
            name=f"app-{number}",
            roles=frozenset({"app"}),
            credential=str(number),
            expires_us=NOW + 1,
        )


def snapshot(authority: CedarAuthority, members: int) -> Snapshot:
    """Return a snapshot with one endpoint, whose version has *members* on its list."""
    version = ModelVersion(
        model="support", number=1, digest="sha256:m", definition={"hosted": {}}
    )
    listed = ["role:app", *(f"user:https://login#{n}" for n in range(members - 1))]
    own = {"tenant": "default", "infer_by": listed}
    deployment = Deployment(
        endpoint="support",
        choices=(Choice.at(version, None, "p", own),),
        attributes={"tenant": "default", "owner": "platform"},
    )
    return Snapshot(
        revision=1,
        digest="sha256:s",
        authority=authority,
        credentials={credential_digest(KEY): next(principals())},
        deployments={"support": deployment},
    )


def a_call(served: Snapshot) -> Call:
    """Return a call that arrived just now."""
    return Call(
        id="bench-1",
        received_us=NOW,
        started_ns=0,
        dialect="v2",
        endpoint="support",
        credential=KEY,
        request=TensorRequest(inputs=()),
        snapshot=served,
    )


if __name__ == "__main__":
    main()
