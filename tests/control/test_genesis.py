"""The beginning: one operator, one token, and no second beginning."""

import pytest

from roadbed.adapters.blobs.local import LocalBlobs
from roadbed.control.desk import Desk
from roadbed.control.genesis import genesis
from roadbed.control.state import current, history
from roadbed.core.clock import to_us
from roadbed.core.errors import Conflict
from roadbed.identity.keys import redeem_bootstrap
from roadbed.testing.fakes import FakeCatalog, FixedClock
from tests.control.stacks import ECHO, OPERATOR, write


def test_the_first_state_is_the_operator_alone(database):
    genesis(database, FixedClock())

    with database.read() as connection:
        state, (first,) = current(connection), history(connection)
    assert state.revision == 1
    assert list(state.resources) == [("ServiceAccount", "operator")]
    assert first.applied_by == "system:roadbed"


def test_the_token_buys_the_operators_first_key(database):
    clock = FixedClock()
    token = genesis(database, clock)

    with database.write() as connection:
        key = redeem_bootstrap(connection, token.reveal(), to_us(clock.now()))

    assert key.account == "operator"


def test_there_is_no_second_beginning(database):
    genesis(database, FixedClock())

    with pytest.raises(Conflict, match="begun already"):
        genesis(database, FixedClock())


def test_a_stack_with_the_same_operator_follows_genesis(database, tmp_path):
    clock = FixedClock()
    genesis(database, clock)
    desk = Desk(
        database=database,
        blobs=LocalBlobs(tmp_path / "blobs"),
        catalog=FakeCatalog(),
        clock=clock,
    )
    folder = write(tmp_path / "stack", stack=f"{OPERATOR}---\n{ECHO}")

    changes = desk.propose(folder).plan.changes

    assert [(c.action, c.kind, c.name) for c in changes] == [
        ("create", "Provider", "echo"),
        ("follow", "ServiceAccount", "operator"),
    ]
    assert [f.path for f in changes[1].fields] == ["metadata.description"]
