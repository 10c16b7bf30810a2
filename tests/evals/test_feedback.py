import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from roadbed.audit.sequencer import catch_up
from roadbed.audit.tables import entries
from roadbed.control.custody import compare
from roadbed.core.errors import Invalid
from roadbed.evals.feedback import Feedbacks, Wanted
from roadbed.evals.feedback_seals import problems
from roadbed.evals.feedback_tables import feedback
from roadbed.evals.saying import KINDS, Said, read
from roadbed.inference.record import CallRecord

CALL = "local-0193a1b2-0000-7000-8000-0000000000{:02x}"


def record(number=1, **facts):
    known = {"tenant": "default", "endpoint": "help", "model": "helper@1"} | facts
    return CallRecord(
        call_id=CALL.format(number),
        ts=1_000_000 + number,
        region="local",
        kind="llm",
        dialect="openai",
        status="ok",
        **known,
    )


@pytest.fixture
def moments():
    return iter(range(1, 1000))


@pytest.fixture
def feedbacks(database, moments):
    return Feedbacks(database, lambda: next(moments))


def give(feedbacks, said, number=1, source="app", **facts):
    return feedbacks.give(record(number, **facts), said, source, "service-account:app")


@pytest.mark.parametrize(
    ("kind", "value", "number", "label", "kept"),
    [
        ("thumbs", "up", 1.0, None, {}),
        ("thumbs", False, 0.0, None, {}),
        ("score", 3, 3.0, None, {}),
        ("label", "refund", None, "refund", {}),
        ("correction", {"a": 1}, None, None, {"value": {"a": 1}}),
        ("outcome", True, None, None, {"value": True}),
        ("outcome", [1, "x"], None, None, {"value": [1, "x"]}),
    ],
)
def test_what_is_sent_becomes_what_was_said(kind, value, number, label, kept):
    assert read(kind, value) == Said(
        kind=kind, name=kind, number=number, label=label, apart=kept
    )


@pytest.mark.parametrize(
    ("kind", "value", "told"),
    [
        ("stars", 1, "no kind of feedback"),
        ("thumbs", "sideways", "up or down"),
        ("thumbs", [1], "up or down"),
        ("score", float("nan"), "finite number"),
        ("score", True, "finite number"),
        ("score", 10**400, "finite number"),
        ("label", "x" * 201, "at most 200"),
        ("label", "", "at most 200"),
        ("correction", "", "should have been"),
        ("correction", "x" * 70_000, "larger than 64,000 bytes"),
        ("outcome", {"a": 1}, "one for each row|list of them"),
        ("outcome", [], "list of them"),
    ],
)
def test_nonsense_is_refused(kind, value, told):
    with pytest.raises(Invalid, match=told):
        read(kind, value)


@given(
    st.sampled_from(KINDS),
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers()
    | st.text()
    | st.lists(st.text() | st.floats(), max_size=3)
    | st.dictionaries(st.text(), st.text(), max_size=2),
)
def test_whatever_is_sent_is_read_or_refused(kind, value):
    try:
        said = read(kind, value)
    except Invalid:
        return
    assert said.kind == kind
    assert "\0" not in str(said.label)


def test_the_same_again_changes_nothing_and_another_word_counts(feedbacks):
    assert give(feedbacks, read("thumbs", "up")) is True
    assert give(feedbacks, read("thumbs", True)) is False
    assert give(feedbacks, read("thumbs", "down")) is True
    assert give(feedbacks, read("thumbs", "up"), source="ada") is True

    found = feedbacks.of(CALL.format(1))
    assert [(f.source, f.turn, f.number) for f in found] == [
        ("app", 2, 0.0),
        ("ada", 1, 1.0),
    ]
    assert len(feedbacks.of(CALL.format(1), every=True)) == 3


def test_what_tells_of_a_person_can_be_erased_and_the_rest_still_holds(
    feedbacks, database
):
    give(feedbacks, read("correction", "Ada lives in Rome", comment="wrong city"))
    give(feedbacks, read("thumbs", "down"))
    assert feedbacks.seal() == 2

    assert feedbacks.erase(CALL.format(1), "asked for", "user:dpo") == 1

    assert feedbacks.erase(CALL.format(1), "asked for", "user:dpo") == 0
    corrected, thumbs = feedbacks.of(CALL.format(1))
    assert (corrected.value, corrected.comment, corrected.erased) == (None, "", True)
    assert (thumbs.number, thumbs.erased) == (0.0, False)
    assert wrong(database) == []
    with database.read() as connection:
        rows = connection.execute(sa.select(feedback)).all()
    assert "Rome" not in str(rows)


def wrong(database):
    with database.read() as connection:
        return problems(connection)


def forge(database, *statements):
    with database.write() as connection:
        for statement in statements:
            assert connection.execute(sa.text(statement)).rowcount, statement


@pytest.fixture
def sealed(feedbacks, database):
    """The batch that five scores, and then a correction, were sealed in."""
    for number in range(1, 6):
        give(feedbacks, read("score", number), number)
    give(feedbacks, read("correction", "right"), 5)
    assert feedbacks.seal() == 6
    assert feedbacks.seal() == 0
    return feedbacks.of(CALL.format(2))[0].batch


def test_a_batch_is_one_entry_and_what_is_said_later_does_not_touch_it(
    feedbacks, database, sealed
):
    give(feedbacks, read("score", 9), 1)
    catch_up(database)

    with database.read() as connection:
        sealing = entries.c.action == "feedback.seal"
        logged = connection.execute(sa.select(entries.c.resource).where(sealing)).all()
        assert logged == [(f"FeedbackBatch/{sealed}",)]
        assert compare(connection) == ()


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE feedback SET number = 4 WHERE number = 3", "a row was edited"),
        ("UPDATE feedback SET number = 'NaN' WHERE number = 3", "a row"),
        ("UPDATE feedback SET actor = 'eve' WHERE number = 3", "a row was edited"),
        ("DELETE FROM feedback WHERE number = 3", "it has 5 rows, but 6 were sealed"),
        ("UPDATE feedback SET batch = NULL WHERE number = 3", "it has 5 rows, but 6"),
        ("UPDATE feedback SET batch = 'b' WHERE number = 3", "1 rows name it, but"),
        ("UPDATE feedback SET last = false WHERE number = 3", "not what was said last"),
        ("DELETE FROM feedback_batches", "6 rows name it, but it is not there"),
        ("UPDATE feedback_batches SET root = 'ab'", "its root differs from audit"),
        ("UPDATE feedback_batches SET rows = 7", "its count of rows differs from"),
        ("UPDATE feedback_texts SET said = '{}'", "its words were edited"),
        ("DELETE FROM feedback_texts", "no audit entry says who erased them"),
    ],
)
def test_whatever_is_forged_is_named(database, sealed, statement, told):
    forge(database, statement)

    with database.read() as connection:
        found = compare(connection)
    assert any(told in finding for finding in found), found
    assert all("feedback" in finding.lower() for finding in found)


def test_a_replica_whose_clock_is_behind_erases_what_another_took_down(
    feedbacks, database
):
    give(feedbacks, read("correction", "one"))
    feedbacks.seal()
    Feedbacks(database, lambda: 0).erase(CALL.format(1), "asked for", "user:dpo")

    assert wrong(database) == []


def test_words_that_were_said_after_an_erasure_are_not_excused_by_it(
    feedbacks, database
):
    give(feedbacks, read("correction", "one"))
    feedbacks.erase(CALL.format(1), "asked for", "user:dpo")
    give(feedbacks, read("correction", "two"))
    feedbacks.seal()
    assert wrong(database) == []

    forge(database, "DELETE FROM feedback_texts")

    (found,) = wrong(database)
    assert "its words are gone" in found


def test_feedback_is_found_by_tenant_endpoint_kind_and_time(feedbacks):
    give(feedbacks, read("thumbs", "down"), 1)
    give(feedbacks, read("thumbs", "up"), 2)
    give(feedbacks, read("thumbs", "down"), 3, tenant="other")
    give(feedbacks, read("score", 0), 4)

    def found(**wanted):
        return [
            f.call_id[-1] for f in feedbacks.search(Wanted(tenant="default", **wanted))
        ]

    assert found() == ["4", "2", "1"]
    assert found(kind="thumbs", number=0.0) == ["1"]
    assert found(since_us=2) == ["4", "2"]
    assert found(endpoint="else") == []
    assert found(limit=1) == ["4"]
