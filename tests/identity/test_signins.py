"""Sign-ins under way: finished once, in time, by the browser that began them."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from roadbed.core.errors import Unauthenticated
from roadbed.core.secret import Secret
from roadbed.identity import signins, tables
from roadbed.identity.signins import LIFETIME_US, Begun
from tests.principals import NOW

BROWSER = Secret("b" * 43)
BEGUN = Begun(provider="company", back="/console/calls", again=False, created_us=NOW)


@pytest.fixture
def under_way(database):
    """A database with one sign-in under way."""
    with database.write() as connection:
        signins.begin(connection, BEGUN, state="state", browser=BROWSER)
    return database


def finish(database, state="state", browser=BROWSER, now_us=NOW):
    with database.write() as connection:
        return signins.finish(connection, state=state, browser=browser, now_us=now_us)


def test_a_sign_in_is_finished_once(under_way):
    assert finish(under_way) == BEGUN
    with pytest.raises(Unauthenticated, match="finished already"):
        finish(under_way)


def test_however_many_try_at_once_one_goes_on(under_way):
    def attempt(_):
        try:
            return finish(under_way)
        except Unauthenticated:
            return None

    with ThreadPoolExecutor(6) as pool:
        found = [begun for begun in pool.map(attempt, range(6)) if begun]

    assert found == [BEGUN]


def test_another_browser_neither_finishes_nor_spoils_it(under_way):
    with pytest.raises(Unauthenticated):
        finish(under_way, browser=Secret("c" * 43))

    assert finish(under_way) == BEGUN


@pytest.mark.parametrize("state", ["", "State", "state ", "' OR 1=1 --", "\ud800"])
def test_another_state_is_not_known(under_way, state):
    with pytest.raises(Unauthenticated):
        finish(under_way, state=state)


def test_after_ten_minutes_it_is_too_late(under_way):
    with pytest.raises(Unauthenticated):
        finish(under_way, now_us=NOW + LIFETIME_US)
    assert finish(under_way, now_us=NOW + LIFETIME_US - 1)


def test_nothing_in_the_table_could_finish_it(under_way):
    with under_way.read() as connection:
        [row] = connection.execute(tables.signins.select()).all()

    assert BROWSER.reveal() not in repr(row)
    assert "state" not in row


def test_whoever_begins_very_many_crowds_out_the_oldest_only(under_way, monkeypatch):
    monkeypatch.setattr(signins, "MAX_PENDING", 3)
    for number in range(1, 4):
        later = Begun(
            provider="company", back="/", again=False, created_us=NOW + number
        )
        with under_way.write() as connection:
            signins.begin(connection, later, state=str(number), browser=BROWSER)

    with pytest.raises(Unauthenticated):
        finish(under_way)
    assert all(finish(under_way, state=str(number)) for number in range(1, 4))
