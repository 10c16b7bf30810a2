"""What a team declares of a model is shown with its versions, and makes none."""

from roadbed.adapters.blobs.local import LocalBlobs
from roadbed.control.cards import card_of, declared_of
from roadbed.control.desk import Desk
from roadbed.core.reference import VersionRef
from roadbed.registry.versions import list_versions
from roadbed.testing.fakes import FakeCatalog, FixedClock
from tests.control.stacks import ECHO, OPERATOR, hosted, write

CARD = """card:
  summary: Answers in echoes.
  limitations: [It knows nothing.]
  ethics: [It repeats whatever it is told.]
labels:
  "1": {cohort: first}
context:
  documents: handbook"""


def test_a_card_is_shown_and_makes_no_version(sqlite_database, tmp_path):
    (tmp_path / "stack" / "handbook").mkdir(parents=True)
    (tmp_path / "stack" / "handbook" / "page.md").write_text("A page.")
    desk = Desk(
        database=sqlite_database,
        blobs=LocalBlobs(tmp_path / "blobs"),
        catalog=FakeCatalog(),
        clock=FixedClock(),
    )
    first = hosted(more="context:\n  documents: handbook")
    again = first.replace("owner:", f"{indented(CARD)}  owner:", 1)
    for declared in (first, again):
        folder = write(
            tmp_path / "stack", stack="---\n".join((OPERATOR, ECHO, declared))
        )
        desk.apply(desk.propose(folder), "service-account:operator")

    with sqlite_database.read() as connection:
        shown = card_of(connection, VersionRef("bot", 1))
        said = declared_of(connection, "bot")
        assert len(list_versions(connection, "bot")) == 1
        assert card_of(connection, VersionRef("nobody", 1)) == {}
    assert shown["card"]["summary"] == "Answers in echoes."
    assert shown["labels"] == {"cohort": "first"}
    assert said.card.limitations == ["It knows nothing."]


def indented(text):
    """Return the fields of a card, two spaces in, without the documents."""
    lines = text.partition("context:")[0].splitlines()
    return "\n".join(lines[:1] + [f"  {line}" for line in lines[1:]]) + "\n"
