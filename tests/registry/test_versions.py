import threading
from dataclasses import replace

import pytest
import sqlalchemy as sa

from roadbed.core.errors import Corrupt, NotFound
from roadbed.core.reference import VersionRef
from roadbed.registry.tables import model_versions
from roadbed.registry.versions import add_version, get_version, list_versions

NOW = 1_795_000_000_000_000


def add(database, prompt, model="support-bot"):
    definition = {"hosted": {"provider": "openai", "prompt": prompt}}
    with database.write() as connection:
        return add_version(connection, model, definition, "user:mira", NOW)


def test_a_changed_definition_makes_the_next_version(database):
    first, second = add(database, "Be kind."), add(database, "Be brief.")

    assert (str(first), str(second)) == ("support-bot@1", "support-bot@2")
    assert first.digest != second.digest


def test_what_is_in_no_registry_is_not_called_by_a_number(database):
    """A repeated run makes no version, whatever its program prints of it."""
    rehearsed = replace(add(database, "Be kind."), number=0)

    assert str(rehearsed) == "support-bot (not registered)"
    assert "@0" not in repr(rehearsed) + rehearsed._repr_html_()


def test_the_same_definition_again_is_the_same_version(database):
    assert add(database, "Be kind.") == add(database, "Be kind.")
    with database.read() as connection:
        assert len(list_versions(connection, "support-bot")) == 1


def test_going_back_to_an_older_definition_is_a_new_version(database):
    for prompt in ("a", "b", "a"):
        add(database, prompt)

    with database.read() as connection:
        versions = list_versions(connection, "support-bot")

    assert [v.number for v in versions] == [3, 2, 1]
    assert versions[0].digest == versions[2].digest


def test_versions_made_at_the_same_time_get_numbers_of_their_own(database):
    prompts = [f"prompt {n}" for n in range(6)]
    threads = [threading.Thread(target=add, args=(database, p)) for p in prompts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with database.read() as connection:
        versions = list_versions(connection, "support-bot")
    assert [v.number for v in versions] == [6, 5, 4, 3, 2, 1]
    assert {v.body["prompt"] for v in versions} == set(prompts)


def test_each_model_counts_by_itself(database):
    add(database, "a")

    assert add(database, "a", model="sales-bot").number == 1


def test_a_version_is_read_back_as_it_was_made(database):
    made = add(database, "Grüß dich.")

    with database.read() as connection:
        read = get_version(connection, VersionRef("support-bot", 1))

    assert read == made
    assert (read.actor, read.created_us, read.run_id) == ("user:mira", NOW, None)


def test_an_unknown_version_says_which_ones_there_are(database):
    add(database, "a")

    with database.read() as connection, pytest.raises(NotFound) as caught:
        get_version(connection, VersionRef("support-bot", 7))

    assert caught.value.hint == "support-bot has versions 1 to 1"


def test_an_edited_definition_is_not_served(database):
    add(database, "a")
    edited = {"hosted": {"provider": "openai", "prompt": "b"}}
    with database.write() as connection:
        connection.execute(model_versions.update().values(definition=edited))

    with database.read() as connection, pytest.raises(Corrupt, match="support-bot@1"):
        get_version(connection, VersionRef("support-bot", 1))


def test_a_version_and_its_audit_entry_stand_or_fall_together(database):
    add(database, "a")
    with pytest.raises(ZeroDivisionError), database.write() as connection:
        add_version(connection, "support-bot", {"hosted": {}}, "user:mira", NOW)
        raise ZeroDivisionError

    with database.read() as connection:
        count = connection.execute(sa.text("SELECT count(*) FROM audit_outbox"))

        assert count.scalar() == 1
        assert len(list_versions(connection, "support-bot")) == 1
