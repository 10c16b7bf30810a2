"""Whatever is listed is what can be got, under any policies, for anybody."""

import os
import random
import secrets

import pytest
from hypothesis import HealthCheck, example, given, seed, settings
from hypothesis import strategies as st

from roadbed.access.authority import compile_policies
from roadbed.access.roles import ROLES
from roadbed.access.visible import Viewer, endpoints, own
from roadbed.console.filters import CallFilter
from roadbed.control import seen, targets
from roadbed.control.state import current_resources, newest_revisions
from roadbed.core.actor import Principal
from roadbed.database.engine import open_database
from roadbed.database.tables import metadata
from roadbed.gateway.history import CallQuery, Span
from roadbed.identity.keys import list_keys
from roadbed.registry.runs import Intent, Runs
from roadbed.registry.versions import model_names
from roadbed.testing.history_contract import a_call
from tests.abuse.tenants import DATA, declared
from tests.conftest import import_tables
from tests.console.rooms import Rooms

SEED = 20261127 if os.environ.get("CI") else secrets.randbelow(2**32)
SPAN = Span(since_us=0, until_us=2**60, step_us=2**50)
TENANTS = ("default", "acme", "beta")
TEAMS = ("risk", "shop", "")
STAGES = ("production", "development")
CLASSES = ("public", "internal", "restricted")
READS = (
    "call.read",
    "dataset.read",
    "endpoint.read",
    "key.list",
    "model.read",
    "resource.read",
    "run.read",
)


def documents(chance):
    """Return resources with random tenants, labels, stages and classes."""
    for tenant in TENANTS:
        for number in range(4):
            name, team = f"{tenant}-{number}", chance.choice(TEAMS)
            labels = {"team": team} if team else {}

            def one(kind, spec, name=name, tenant=tenant, labels=labels):
                return declared(kind, name, tenant, spec, **labels)

            roles = chance.sample(sorted(ROLES), 2)
            yield one("ServiceAccount", {"roles": roles, "keys": True})
            hosted = {"provider": "echo", "upstream": f"echo-{number + 1}"}
            yield one("Model", {"owner": chance.choice(TEAMS[:2]), "hosted": hosted})
            spec = {"model": f"{name}@1", "stage": chance.choice(STAGES)}
            yield one("Endpoint", {**spec, "owner": chance.choice(TEAMS)})
            yield one("Dataset", DATA | {"classification": chance.choice(CLASSES)})


@pytest.fixture(scope="module")
def rooms(tmp_path_factory):
    """Rooms with resources, keys, runs and calls of three tenants."""
    print(f"seed {SEED}")
    folder, chance = tmp_path_factory.mktemp("rooms"), random.Random(SEED)
    made = Rooms(folder, fresh_database(folder))
    made.declare(declared("Provider", "echo", "default", {"type": "echo"}))
    everything = list(documents(chance))
    kept = [declared("Provider", "echo", "default", {"type": "echo"}), *everything]
    made.declare(*kept)
    made.declare(*kept[:-2])  # Two are retired: they have a history, and no list.
    runs = Runs(made.database, made.clock)
    for tenant in TENANTS:
        for number in range(4):
            made.key(f"{tenant}-{number}") if number < 3 else None
            runs.start(
                Intent(name="r", actor="a", code={}, environment={}, tenant=tenant)
            )
    began = made.now_us - 3_600_000_000
    calls = [a_call(n, ts=began + n * 1000, **facts(chance)) for n in range(60)]
    made.seal(*calls[:30])
    made.spool(*calls[30:])
    made.runs, made.records = runs, [record for record, _ in calls]
    made.there = everything_in(made)
    return made


def facts(chance):
    """Return what a random call has on record."""
    tenant = chance.choice((*TENANTS, ""))
    name = f"{tenant or 'default'}-{chance.randrange(4)}"
    return {
        "tenant": tenant,
        "endpoint": name,
        "model": chance.choice(("", f"{name}@1")),
        "provider": chance.choice(("echo", "")),
        "status": chance.choice(("ok", "error")),
    }


def fresh_database(folder):
    """Return an empty database with the whole schema."""
    import_tables()
    opened = open_database(f"sqlite:///{folder / 'control.db'}")
    with opened.write() as connection:
        metadata.create_all(connection)
    return opened


CONDITIONS = (
    "true",
    'resource.hasTag("team")',
    'resource.hasTag("team") && resource.getTag("team") == "risk"',
    'resource has stage && resource.stage == "production"',
    'resource has classification && resource.classification == "restricted"',
    'resource has owner && resource.owner == "shop"',
    'resource has endpoint && resource.endpoint == "acme-1"',
    'resource has model && resource.model == "beta-2"',
    'resource has provider && resource.provider == "echo"',
    'resource has region && resource.region == "local"',
    'resource has account && resource.account == "acme-0"',
    'resource.tenant == "beta"',
    'principal.tenant == "acme"',
    'principal.keys.contains("role:viewer")',
)


@st.composite
def policies(draw):
    """Return a policy out of a small grammar, which permits or forbids."""
    effect = draw(st.sampled_from(("permit", "forbid")))
    actions = draw(st.sets(st.sampled_from(READS), min_size=1))
    listed = ", ".join(f'Action::"{action}"' for action in sorted(actions))
    clause = draw(st.sampled_from(("when", "unless")))
    condition = draw(st.sampled_from(CONDITIONS))
    head = f"{effect} (principal, action in [{listed}], resource)"
    return f"{head} {clause} {{ {condition} }};"


principals = st.builds(
    Principal,
    kind=st.just("service-account"),
    name=st.sampled_from(("acme-0", "somebody")),
    roles=st.frozensets(st.sampled_from(sorted(ROLES)), max_size=2),
    tenant=st.sampled_from((*TENANTS, "gamma")),
)


def can_get(viewer, action, found):
    """Say whether a get would show what was *found*, as every route decides it."""
    mine = own(viewer.principal, found)
    return mine is not None and viewer.might(action) and viewer.may(action, mine)


def everything_in(rooms):
    """Return what there is of each kind, as a get finds it."""
    with rooms.database.read() as c:
        live, ever = list(current_resources(c).resources), newest_revisions(c)
        return {
            "Resource": {k: targets.find_resource(c, *k) for k in live},
            "Ever": {r.key: targets.find_resource(c, *r.key) for r in ever},
            "Endpoint": {
                n: targets.find_endpoint(c, n) for k, n in live if k == "Endpoint"
            },
            "Model": {n: targets.find_model(c, n) for n in model_names(c)},
            "Key": {k.id: targets.find_of_key(c, k.id) for k in list_keys(c)},
            "Run": {r.id: targets.find_run(c, r.id) for r in rooms.runs.list()},
            "Call": {
                (tenant, r.call_id): targets.find_call(rooms.calls, r.call_id, tenant)
                for r in rooms.records
                for tenant in (*TENANTS, "gamma")
            },
        }


def lists_of(rooms, viewer, connection):
    """Yield each list: its action, what there is, and what it shows."""
    data, tenant = rooms.source().seen_by(viewer), viewer.principal.tenant
    changed = [c for s in seen.changes(viewer, connection, 50) for c in s.changes]
    changes, overview = data.changes(), data.overview(rooms.now_us)
    found = seen.calls(viewer, rooms.calls, CallQuery(limit=100))
    rows = data.calls(CallFilter(), rooms.now_us).rows
    counted = seen.series(viewer, rooms.calls, SPAN)
    runs = seen.runs(viewer, rooms.runs, None, 100)
    yield (
        "resource.read",
        "Resource",
        [r.key for r in seen.resources(viewer, connection)],
    )
    yield "resource.read", "Resource", [(r.kind, r.name) for r in changes.resources]
    yield "resource.read", "Ever", [c.key for c in changed]
    yield "endpoint.read", "Endpoint", endpoints(viewer, rooms.snapshot())
    yield "endpoint.read", "Endpoint", [r.name for r in data.endpoints(rooms.now_us)]
    yield "endpoint.read", "Endpoint", [r.name for r in overview.endpoints]
    yield "model.read", "Model", seen.models(viewer, connection)
    yield "key.list", "Key", [k.id for k in seen.keys(viewer, connection)]
    yield "run.read", "Run", [r.id for r in runs]
    yield "call.read", "Call", [(tenant, r.call_id) for r in found]
    yield "call.read", "Call", [(tenant, r.call_id) for r in rows]
    assert sum(point.calls for point in counted) == len(found)
    assert overview.windows[1].calls == len(found)


WHO_ANSWERS = """forbid (principal, action in [Action::"endpoint.read"], resource)
when { resource has provider && resource.provider == "echo" };"""
READER = Principal(
    kind="service-account", name="acme-0", roles=frozenset({"annotator"})
)


@seed(SEED)
@example(texts=[WHO_ANSWERS], who=READER)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(policies(), max_size=3), who=principals)
def test_a_list_is_what_can_be_got(rooms, texts, who):
    authority = compile_policies({f"p{n}": text for n, text in enumerate(texts)})
    viewer = Viewer(authority=authority, principal=who, now_us=rooms.now_us)

    with rooms.database.read() as connection:
        for action, kind, shown in lists_of(rooms, viewer, connection):
            there = rooms.there[kind].items()
            gettable = {name for name, found in there if can_get(viewer, action, found)}
            assert set(shown) == gettable, (action, kind)
