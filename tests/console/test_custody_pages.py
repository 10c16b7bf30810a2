"""The pages of models, datasets and runs, over a real chain of custody."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from roadbed.access.visible import Viewer
from roadbed.cli import roadbed
from roadbed.cli._acts import leaves
from roadbed.console.custody.filters import DiffFilter, ModelFilter, RunFilter
from roadbed.console.custody.heavy import Gate
from roadbed.console.custody.live import LiveCustody
from roadbed.core.actor import Principal
from roadbed.core.decision import Decision
from roadbed.core.errors import Invalid, NotFound, Overloaded
from roadbed.core.reference import VersionRef
from roadbed.registry.runs import Intent
from roadbed.registry.tables import model_versions, runs
from tests.console.rooms import Rooms
from tests.console.served import READER, Authority, Visitor
from tests.control.stacks import ECHO, endpoint, hosted

PAGES = {
    "/models": "Models",
    "/models/triage": "triage",
    "/models/triage/1": "triage@1",
    "/models/triage/2": "triage@2",
    "/models/bot/2": "bot@2",
    "/models/triage/2/proof": "Verification",
    "/models/triage/diff": "What changed",
    "/models/triage/diff?from=2&to=1": "What changed",
    "/datasets": "Datasets",
    "/datasets/tumors": "tumors",
    "/datasets/tumors/1": "tumors@1",
    "/datasets/tumors/diff": "What changed",
    "/datasets/tumors/diff?from=1&to=1&key=size": "What changed",
    "/runs": "Runs",
    "/runs?status=finished&data=tumors@1": "Runs",
    "/runs/compare": "Side by side",
}


@pytest.fixture
def custody(chain):
    return chain.custody()


def compared(chain, more=""):
    ids = "&".join(f"run={each}" for each in chain.runs_made)
    return f"/console/runs/compare?{ids}{more}"


@pytest.mark.parametrize("path", PAGES)
def test_every_page_has_its_heading(reader, path):
    reply = reader.get(f"/console{path}")

    assert reply.status == 200, reply.text
    assert f"<h1>{PAGES[path]}</h1>" in reply.text
    assert "'unsafe" not in reply.headers["content-security-policy"]
    assert " style=" not in reply.text


def test_the_list_says_what_is_in_production_and_where(reader):
    page = reader.get("/console/models").text

    assert 'href="/console/models/triage/2"' in page
    assert 'href="/console/endpoints/bot"' in page
    assert "research" in page


def test_a_version_says_whether_it_was_replaced_since_when_and_by_whom(reader):
    first = reader.get("/console/models/bot/1").text
    second = reader.get("/console/models/bot/2").text

    assert "replaced" in first
    assert re.search(r"until\s+<time.*?by service-account:operator, then", first, re.S)
    assert "in service" in second
    assert "service-account:second" in reader.get("/console/models/triage").text


def test_the_chain_is_a_picture_and_a_table_that_say_the_same(reader, chain):
    page = reader.get("/console/models/triage/2").text
    picture = page[
        page.index('<svg class="picture"') : page.index(
            "</div>", page.index('<svg class="picture"')
        )
    ]
    table = page.partition("The same as a table")[2].partition("</table>")[0]
    run = chain.runs_made[1]
    for href in (
        "/console/datasets/tumors/2",
        f"/console/runs/{run}",
        "/console/models/triage/1",
        "/console/models/triage/2",
    ):
        assert f'href="{href}"' in picture
        assert f'href="{href}"' in table
    assert 'role="group"' in picture
    assert "<title id=" in picture
    assert "Data tumors@2 → Run train" in picture
    assert "was read by for training" in table
    assert "went on as" in table
    assert 'class="node bad-node"' in picture


def test_a_hosted_version_shows_its_upstream_and_where_it_answers(reader):
    page = reader.get("/console/models/bot/2").text

    assert "Upstream echo-2, at echo" in page
    assert "0 calls" in page
    assert "/console/calls?endpoint=bot&amp;model=bot@2" in page


def test_bad_data_under_a_version_is_said_on_it(reader):
    page = reader.get("/console/models/triage/2").text

    assert "It was trained on data that is bad." in page
    assert "roadbed retrain --because dataset:tumors@2" in page


def test_verification_is_made_when_it_is_asked_for_and_not_before(reader):
    page = reader.get("/console/models/triage/1").text
    found = reader.get(
        "/console/models/triage/1/proof", HX_Request="true", HX_Target="div#verified"
    ).text

    assert "signed" in page
    assert "Artifact" not in page
    assert "Dataset version" in found
    assert "VERIFIED" in found
    assert "<html" not in found


def test_the_likeliest_cause_comes_first(reader):
    page = reader.get("/console/models/triage/diff?from=1&to=2").text
    causes = page.partition('class="causes"')[2]

    assert causes.index("tumors@1 → tumors@2") < causes.index("parameters: C")
    assert "worse" in page
    assert '<option value="1" selected>' in page
    assert "roadbed model diff triage@1 @2" in page


def test_without_two_versions_there_is_nothing_to_compare(custody):
    page = custody.model_changes("nothing", DiffFilter())

    assert (page.changes, page.numbers) == (None, ())


def test_a_dataset_version_says_what_must_be_trained_again(reader):
    page = reader.get("/console/datasets/tumors/2").text

    assert "It is bad, so triage@2 must be trained again." in page
    assert "roadbed retrain --because dataset:tumors@2" in page
    assert "Centimetres for millimetres." in page
    assert "size is at least 0" in page
    assert "BIGINT" in page


def test_a_diff_draws_the_columns_that_moved_each_with_its_table(reader):
    page = reader.get("/console/datasets/tumors/diff?from=1&to=2").text
    moved, _, still = page.partition('<details class="still">')

    assert 'aria-label="size: distance' in moved
    assert "15 rows changed" in moved
    assert moved.count("The same as a table") == 1
    assert "malignant" in still
    assert "2 columns did not move" in still


def test_the_same_difference_is_made_once(chain):
    custody = chain.custody()
    first = custody.dataset_diff("tumors", DiffFilter(left=1, right=2))
    again = custody.dataset_diff("tumors", DiffFilter(left=1, right=2))
    other = custody.dataset_diff("tumors", DiffFilter(left=1, right=2, key="id,kind"))

    assert first.diff is again.diff
    assert other.diff is not first.diff


def test_what_is_too_large_is_said_on_the_page_beside_the_picker(chain, custody):
    small = replace(chain.custody_rooms(), most_cells=100)
    page = LiveCustody(small, custody.viewer).dataset_diff(
        "tumors", DiffFilter(left=1, right=2)
    )

    assert page.diff is None
    assert "360 values are too many" in page.problem
    assert page.numbers == (2, 1)


def test_a_key_that_is_none_is_said_on_the_page(reader):
    reply = reader.get("/console/datasets/tumors/diff?from=1&to=2&key=nothing")

    assert reply.status == 200
    assert "nothing" in reply.text.partition('class="alert')[2].partition("</div>")[0]


def test_a_run_shows_its_curves_its_data_and_how_to_repeat_it(reader, chain):
    page = reader.get(f"/console/runs/{chain.runs_made[0]}").text

    assert 'aria-label="loss: train: 12 values' in page
    assert 'href="/console/datasets/tumors/1"' in page
    assert 'href="/console/models/triage/1"' in page
    assert "It cannot be repeated" in page
    assert "cpus 2" in page


def test_runs_side_by_side_show_first_what_differs(reader, chain):
    page = reader.get(compared(chain)).text
    params = page.partition('id="params-title"')[2]

    assert params.index(">C<") < params.index("solver")
    assert "best" in page.partition("accuracy")[2][:200]
    assert page.count('class="curve look-1"') >= 2
    assert "Most likely responsible" not in page
    assert "Most likely responsible" in reader.get(compared(chain, "&changes=yes")).text


def test_too_many_or_strange_runs_cannot_be_compared(reader):
    many = "&".join(f"run={n}" for n in range(9))

    assert reader.get(f"/console/runs/compare?{many}").status == 400
    assert reader.get("/console/runs/compare?run=../x").status == 400


@pytest.mark.parametrize(
    ("filter", "found"),
    [
        ({}, 3),
        ({"name": "train"}, 3),
        ({"name": "other"}, 0),
        ({"status": "started"}, 1),
        ({"data": "tumors"}, 3),
        ({"data": "tumors@1"}, 1),
        ({"data": "tumor"}, 0),
        ({"actor": "service-account:operator"}, 3),
        ({"where": "metrics.accuracy > 0.9"}, 1),
        ({"where": "params.C = '1.0' and attributes.status = 'finished'"}, 1),
    ],
)
def test_runs_are_filtered(custody, chain, filter, found):
    rows = custody.runs(RunFilter(**filter), chain.now_us).rows

    assert len(rows) == found


def test_every_run_is_on_one_page_of_a_long_list(sqlite_database, tmp_path):
    rooms = Rooms(tmp_path, sqlite_database)
    rooms.declare()
    first = rooms.runs.start(Intent(name="n", actor="x", code={}, environment={}))
    with sqlite_database.write() as connection:
        row = dict(connection.execute(runs.select()).mappings().one())
        ids = [f"{n:08}" for n in range(129)]
        connection.execute(runs.insert(), [{**row, "id": each} for each in ids])
    custody, wanted, pages = rooms.data().custody, RunFilter(name="n"), []
    while wanted.before or not pages:
        pages.append(custody.runs(wanted, rooms.now_us))
        wanted = RunFilter(name="n", before=pages[-1].older)
    listed = [row.run.id for page in pages for row in page.rows]

    assert listed == sorted([first.id, *ids], reverse=True)
    assert [len(page.rows) for page in pages] == [50, 50, 30]


@pytest.mark.parametrize(
    "query",
    ["status=banana", "data=../x", "before=%22", "where=banana", "where=metrics.x+%3E"],
)
def test_a_filter_that_is_none_is_said(reader, query):
    reply = reader.get(f"/console/runs?{query}")

    assert reply.status == 400
    assert "Back to the overview" in reply.text


def test_another_spelling_of_a_run_filter_leads_to_its_address(reader):
    reply = reader.get("/console/runs?name=&status=failed&before=")

    assert reply.headers["location"] == "/console/runs?status=failed"


@pytest.mark.parametrize(
    ("path", "teaches"),
    [
        ("/models", "kind: Model"),
        ("/datasets", "roadbed dataset create"),
        ("/runs", "MLFLOW_TRACKING_URI"),
        ("/runs/compare", "roadbed run list"),
    ],
)
def test_an_empty_page_teaches(empty_server, path, teaches):
    visitor = Visitor(empty_server)
    visitor.sign_in()

    assert teaches in visitor.get(f"/console{path}").text


@pytest.mark.parametrize(
    "path",
    ["/models/triage/9", "/datasets/tumors/9", "/models/triage/diff?from=1&to=9"],
)
def test_a_number_that_is_not_there_is_not_found(reader, path):
    assert reader.get(f"/console{path}").status == 404


class Only(Authority):
    """Lets a viewer see everything but what is named here."""

    def __init__(self, *hidden):
        self.hidden = hidden

    def decide(self, principal, action, target, now_us=0):
        hidden = target.name in self.hidden and target.kind != "Endpoint"
        return Decision(allowed=not hidden, reasons=(), policy_digest="")


def seen_without(chain, *hidden, **who):
    viewer = Viewer(authority=Only(*hidden), principal=READER)
    if who:
        viewer = Viewer(
            authority=Only(),
            principal=Principal(
                kind="user", name="x", roles=frozenset({"viewer"}), **who
            ),
        )
    return LiveCustody(chain.custody_rooms(), viewer)


def test_every_command_that_a_page_names_exists():
    known = {words for words, _ in leaves(roadbed)}
    folder = Path("src/roadbed/console/templates")
    texts = [path.read_text() for path in sorted(folder.glob("*.html"))]
    named = {w for t in texts for w in re.findall(r"roadbed ([a-z]+ [a-z]+)", t)}

    assert {w for w in named if w not in known and w.split()[0] not in known} == set()


def test_what_may_not_be_seen_is_in_no_picture_list_or_difference(chain):
    mine = seen_without(chain, "tumors", "triage@1")
    page = mine.version(VersionRef("triage", 2), chain.now_us)
    changes = mine.model_changes("triage", DiffFilter(left=1, right=2)).changes

    assert "tumors" not in repr(page.chain)
    assert "triage@1" not in repr(page.chain)
    assert page.chain.hidden
    assert page.others == (2,)
    assert mine.datasets() == ()
    assert mine.models(ModelFilter()).rows[1].newest == "triage@2"
    assert "tumors@" not in repr(changes.causes)


def test_the_newest_version_that_may_be_seen_is_the_newest_of_the_list(chain):
    mine = seen_without(chain, "triage@2", "bot@2")
    bot, triage = mine.models(ModelFilter()).rows

    assert (bot.newest, triage.newest) == ("bot@1", "triage@1")
    assert bot.served == ()


def test_one_edited_version_does_not_hide_the_other_models(sqlite_database, tmp_path):
    rooms = Rooms(tmp_path, sqlite_database)
    rooms.declare(ECHO, hosted(), hosted("other"), endpoint())
    with sqlite_database.write() as connection:
        edited = model_versions.update().where(model_versions.c.model == "bot")
        connection.execute(edited.values(definition={"hosted": {"upstream": "evil"}}))
    bot, other = rooms.data().custody.models(ModelFilter()).rows

    assert "the stored definition of bot@1 is not the one" in bot.problem
    assert (other.newest, other.problem) == ("other@1", "")


def test_models_are_found_by_name_and_paged(chain, custody):
    assert [r.name for r in custody.models(ModelFilter(name="tri")).rows] == ["triage"]
    assert [r.name for r in custody.models(ModelFilter(after="bot")).rows] == ["triage"]


def test_a_run_that_may_not_be_seen_is_named_by_nothing(chain):
    run = chain.runs_made[0]
    mine = seen_without(chain, run)
    page = mine.version(VersionRef("triage", 1), chain.now_us)
    shown = mine.dataset_version(VersionRef("tumors", 1))

    assert page.run is None
    assert run not in repr((page.chain, page.status))
    assert run not in repr((shown.uses, shown.runs))
    assert run not in repr(mine.runs(RunFilter(), chain.now_us))


def test_another_tenant_sees_nothing(chain):
    mine = seen_without(chain, tenant="acme")

    assert mine.runs(RunFilter(), chain.now_us).rows == ()
    assert mine.dataset_version(VersionRef("tumors", 1)).uses == ()


def test_long_work_waits_for_its_turn_and_is_refused_at_last():
    gate = Gate(at_once=1, patience_s=0.01)

    def inner():
        with pytest.raises(Overloaded):
            gate.run(lambda: 2)
        return 1

    assert gate.run(inner) == 1
    assert gate.run(lambda: 3) == 3


def test_a_failure_is_not_kept_and_the_oldest_result_goes_first():
    gate = Gate(kept=2)
    made = []

    def make(value):
        made.append(value)
        return value

    with pytest.raises(NotFound):
        gate.once("x", lambda: _missing())
    for key in ("x", "y", "x", "z", "x", "y"):
        gate.once(key, lambda key=key: make(key))

    assert made == ["x", "y", "z", "y"]


def _missing():
    raise NotFound("nothing")


def test_numbers_of_versions_are_read_strictly():
    assert DiffFilter.read("@1", "2") == DiffFilter(left=1, right=2)
    for text in ("0", "-1", "x", "1e3", "9" * 20):
        with pytest.raises(Invalid):
            DiffFilter.read(text, "")
