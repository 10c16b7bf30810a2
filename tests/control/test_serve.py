"""What a replica serves: kept loaded where nothing changed, kept up where it broke."""

from dataclasses import replace

import pytest

from roadbed.access.authority import compile_policies
from roadbed.control.serve import (
    Declared,
    compile_snapshot,
    left_behind,
    read_declared,
)
from roadbed.core.errors import Invalid
from roadbed.database.tables import current as counter
from roadbed.identity.keys import create_key
from roadbed.identity.tokens import credential_digest
from roadbed.inference.snapshot import ModelVersion
from roadbed.registry.tables import model_versions
from roadbed.testing.fakes import FakeCatalog
from tests.control.stacks import (
    ECHO,
    OPERATOR,
    endpoint,
    hosted,
    live,
    resource,
    stack_of,
)
from tests.control.test_apply import make_desk, put


def state(folder, *texts, before=None):
    revision = before.revision + 1 if before else 1
    return live(stack_of(folder, OPERATOR, *texts), revision, before)


def compiled(declared, catalog, previous=None):
    return compile_snapshot(
        Declared(state=declared, credentials={}),
        catalog.open,
        compile_policies,
        previous,
    )


def test_an_endpoint_serves_the_version_it_pins(tmp_path):
    declared = state(tmp_path, ECHO, hosted(), endpoint(more="deadline_ms: 5"))

    snapshot = compiled(declared, FakeCatalog()).snapshot

    deployed = snapshot.deployments["bot"]
    assert str(deployed.version) == "bot@1"
    assert (deployed.provider, deployed.deadline_ms) == ("echo", 5)
    assert deployed.attributes == {
        "tenant": "default",
        "stage": "production",
        "model": "bot",
    }
    assert (snapshot.revision, snapshot.digest) == (1, declared.digest)


def test_what_did_not_change_stays_loaded(tmp_path):
    catalog = FakeCatalog()
    first = state(tmp_path, ECHO, hosted(), endpoint())
    talk = hosted(name="talk"), endpoint(name="talk", model="talk@1")
    second = state(tmp_path, ECHO, hosted(), endpoint(), *talk, before=first)

    before = compiled(first, catalog)
    after = compiled(second, catalog, before)

    old, new = before.snapshot.deployments, after.snapshot.deployments
    assert new["bot"].runner is old["bot"].runner
    assert len(catalog.opened) == 1
    assert [str(v) for v in catalog.opened[0].opened] == ["bot@1", "talk@1"]
    assert left_behind(before, after) == []
    assert after.snapshot.authority is before.snapshot.authority


def test_two_endpoints_of_one_version_share_it(tmp_path):
    two = endpoint(), endpoint(name="again")

    serving = compiled(state(tmp_path, ECHO, hosted(), *two), FakeCatalog())

    deployed = serving.snapshot.deployments
    assert deployed["bot"].runner is deployed["again"].runner


def test_what_is_no_longer_pinned_is_left_behind(tmp_path):
    catalog = FakeCatalog()
    first = state(tmp_path, ECHO, hosted(), endpoint())
    moved = hosted(upstream="echo-2"), endpoint(model="bot@2")
    second = state(tmp_path, ECHO, *moved, before=first)
    before = compiled(first, catalog)

    after = compiled(second, catalog, before)

    assert left_behind(before, after) == [before.snapshot.deployments["bot"].runner]
    assert left_behind(after, compiled(state(tmp_path), catalog, after)) == [
        after.snapshot.deployments["bot"].runner,
        catalog.opened[0],
    ]


def test_a_provider_with_another_config_is_opened_anew(tmp_path):
    catalog = FakeCatalog()
    first = state(tmp_path, ECHO, hosted(), endpoint())
    other = ECHO + "  config: {prefix: '> '}\n"
    second = state(tmp_path, other, hosted(), endpoint(), before=first)
    before = compiled(first, catalog)

    after = compiled(second, catalog, before)

    assert len(catalog.opened) == 2
    assert left_behind(before, after)[-1] is catalog.opened[0]


def test_a_provider_described_anew_is_not_opened_anew(tmp_path):
    catalog = FakeCatalog()
    first = state(tmp_path, ECHO, hosted(), endpoint())
    told = ECHO.replace("name: echo", "name: echo, description: Repeats.")
    second = state(tmp_path, told, hosted(), endpoint(), before=first)

    compiled(second, catalog, compiled(first, catalog))

    assert len(catalog.opened) == 1


def test_a_version_that_cannot_be_loaded_leaves_the_one_before(tmp_path):
    catalog = FakeCatalog()
    mute = resource("Provider", "mute", "type: echo\nconfig: {behaviour: broken}")
    first = state(tmp_path, ECHO, hosted(), endpoint())
    moved = hosted().replace("provider: echo", "provider: mute")
    pin = endpoint(model="bot@2", more="deadline_ms: 7")
    second = state(tmp_path, ECHO, mute, moved, pin, before=first)
    before = compiled(first, catalog)

    after = compiled(second, catalog, before)

    deployed = after.snapshot.deployments["bot"]
    assert after.snapshot.broken == {"bot": "echo cannot load anything (mend it)"}
    assert str(deployed.version) == "bot@1"
    assert deployed.runner is before.snapshot.deployments["bot"].runner
    assert deployed.deadline_ms == 7
    assert left_behind(before, after) == []


def test_a_broken_first_version_is_named_and_harms_nobody(tmp_path):
    broken = ECHO + "  config: {behaviour: broken}\n"
    other = ECHO.replace("name: echo", "name: other")
    talk = hosted(name="talk").replace("provider: echo", "provider: other")
    parts = broken, hosted(), endpoint(), other, talk, endpoint("talk", "talk@1")

    snapshot = compiled(state(tmp_path, *parts), FakeCatalog()).snapshot

    assert list(snapshot.deployments) == ["talk"]
    assert list(snapshot.broken) == ["bot"]


def test_a_missing_provider_type_breaks_one_endpoint_only(tmp_path):
    gone = ECHO.replace("type: echo", "type: gone")

    snapshot = compiled(
        state(tmp_path, gone, hosted(), endpoint()), FakeCatalog()
    ).snapshot

    assert snapshot.broken == {"bot": "no provider is called 'gone' (echo)"}


def test_a_config_that_no_longer_fits_breaks_one_endpoint_only(tmp_path):
    echo = ECHO + "  config: {gone: 1}\n"

    snapshot = compiled(
        state(tmp_path, echo, hosted(), endpoint()), FakeCatalog()
    ).snapshot

    assert list(snapshot.broken) == ["bot"]
    assert "the provider 'echo' failed" in snapshot.broken["bot"]


class Clumsy(FakeCatalog):
    """A catalog whose providers fail in a way that nobody promised."""

    def open(self, type_name, config):
        provider = super().open(type_name, config)
        provider.open = lambda version: 1 / 0
        return provider


def test_a_plugins_own_fault_breaks_one_endpoint_only(tmp_path):
    parts = ECHO, hosted(), endpoint()

    snapshot = compiled(state(tmp_path, *parts), Clumsy()).snapshot

    assert "bot@1 could not be loaded" in snapshot.broken["bot"]
    assert "zero" not in snapshot.broken["bot"]


def test_policies_that_do_not_compile_leave_everything_as_it_was(tmp_path):
    declared = state(tmp_path, resource("Policy", "bad", "cedar: permit"))

    with pytest.raises(Invalid):
        compiled(declared, FakeCatalog())


def test_a_mended_version_is_loaded_at_the_next_compile(tmp_path):
    catalog = FakeCatalog()
    broken = ECHO + "  config: {behaviour: broken}\n"
    before = compiled(state(tmp_path, broken, hosted(), endpoint()), catalog)

    after = compiled(state(tmp_path, ECHO, hosted(), endpoint()), catalog, before)

    assert after.snapshot.broken == {}
    assert str(after.snapshot.deployments["bot"].version) == "bot@1"


def test_keys_of_live_accounts_are_known_and_no_others(database, tmp_path):
    desk = make_desk(database, tmp_path)
    put(desk, tmp_path, ECHO)
    with database.write() as connection:
        mine = create_key(connection, "operator", now_us=5, created_by="me")
        create_key(connection, "stranger", now_us=5, created_by="me")
        before = counter(connection, "serving")

    with database.read() as connection:
        declared = read_declared(connection, now_us=6)

    assert before >= 3
    assert set(declared.credentials) == {credential_digest(mine.secret.reveal())}
    (principal,) = declared.credentials.values()
    assert "platform-engineer" in principal.roles


def test_an_edited_version_breaks_one_endpoint_only(database, tmp_path):
    desk = make_desk(database, tmp_path)
    talk = hosted(name="talk"), endpoint(name="talk", model="talk@1")
    put(desk, tmp_path, ECHO, hosted(), endpoint(), *talk)
    edited = model_versions.update().where(model_versions.c.model == "bot")
    with database.write() as connection:
        connection.execute(edited.values(definition={"hosted": {}}))

    with database.read() as connection:
        declared = read_declared(connection, now_us=6)
    snapshot = compile_snapshot(declared, FakeCatalog().open, compile_policies).snapshot

    assert list(snapshot.deployments) == ["talk"]
    assert "is not the one that was registered" in snapshot.broken["bot"]


def test_a_serving_snapshot_is_not_changed_by_the_next(tmp_path):
    catalog = FakeCatalog()
    first = compiled(state(tmp_path, ECHO, hosted(), endpoint()), catalog)
    kept = replace(first.snapshot)

    compiled(state(tmp_path, ECHO), catalog, first)

    assert first.snapshot == kept
    assert isinstance(first.snapshot.deployments["bot"].version, ModelVersion)
