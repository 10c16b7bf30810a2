import threading

import pytest
from sklearn.datasets import load_breast_cancer

from roadbed.adapters.tables.duckdb import DuckdbTables
from roadbed.audit.log import AuditLog, AuditQuery
from roadbed.core.digest import canonical, digest
from roadbed.core.errors import Corrupt, Invalid, NotFound
from roadbed.core.reference import VersionRef
from roadbed.data.datasets import Datasets
from roadbed.data.tables import dataset_versions
from tests.data.conftest import StoppedClock

ROWS = {"a": list(range(250)), "b": [str(n) for n in range(250)]}


def file_of(tmp_path, name):
    hexadecimal = name.removeprefix("sha256:")
    return tmp_path / "blobs" / "sha256" / hexadecimal[:2] / hexadecimal[2:]


def damage(file):
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.chmod(0o644)
    file.write_bytes(data)


def test_a_real_data_set_comes_back_as_it_went_in(datasets):
    tumors = load_breast_cancer(as_frame=True).frame
    version = datasets.snapshot("tumors", tumors, "user:mira")

    assert (str(version), version.rows, version.columns) == ("tumors@1", 569, 31)
    assert datasets.frame(version).equals(tumors)
    assert datasets.columns(version)["mean radius"] == tumors["mean radius"].tolist()


def test_the_same_rows_are_the_same_version_and_take_no_more_room(datasets, tmp_path):
    first = datasets.snapshot("numbers", ROWS, "user:mira")
    files = sorted((tmp_path / "blobs").rglob("*"))
    again = datasets.snapshot("numbers", dict(ROWS), "user:noor")

    assert again == first
    assert sorted((tmp_path / "blobs").rglob("*")) == files
    assert len(datasets.list("numbers")) == 1


def test_going_back_to_old_rows_is_going_back_to_the_old_version(datasets):
    first = datasets.snapshot("numbers", ROWS, "user:mira")
    second = datasets.snapshot("numbers", {"a": [1]}, "user:mira")
    third = datasets.snapshot("numbers", ROWS, "user:mira")

    assert (first.number, second.number, third.number) == (1, 2, 1)


def test_rows_in_another_order_are_another_version(datasets):
    turned = {name: values[::-1] for name, values in ROWS.items()}
    first = datasets.snapshot("numbers", ROWS, "user:mira")
    second = datasets.snapshot("numbers", turned, "user:mira")

    assert (second.number, second.rows) == (2, first.rows)


def test_data_that_grew_shares_its_old_objects(datasets):
    grown = {"a": list(range(350)), "b": [str(n) for n in range(350)]}
    first = datasets.snapshot("numbers", ROWS, "user:mira")
    second = datasets.snapshot("numbers", grown, "user:mira")

    assert sum(o.rows for o in second.objects) == 350
    assert len(first.objects) > 2
    assert second.objects[: len(first.objects) - 1] == first.objects[:-1]


def test_an_engine_that_writes_other_bytes_makes_no_new_version(
    datasets, database, blobs, tmp_path
):
    upgraded = Datasets(database, blobs, StoppedClock(), DuckdbTables(rows_per_part=70))
    first = datasets.snapshot("numbers", ROWS, "user:mira")
    before = sorted((tmp_path / "blobs").rglob("*"))

    assert upgraded.snapshot("numbers", ROWS, "user:mira") == first
    assert sorted((tmp_path / "blobs").rglob("*")) == before


def test_a_new_snapshot_of_the_same_rows_mends_damaged_objects(datasets, tmp_path):
    version = datasets.snapshot("numbers", ROWS, "user:mira")
    damage(file_of(tmp_path, version.objects[1].digest))
    datasets.snapshot("numbers", ROWS, "user:mira")

    assert datasets.verify(VersionRef("numbers", 1)) == version


def test_equal_rows_under_two_names_have_one_digest(datasets):
    one = datasets.snapshot("one", ROWS, "user:mira")
    two = datasets.snapshot("two", ROWS, "user:noor")

    assert one.digest == two.digest
    assert (str(one), str(two)) == ("one@1", "two@1")


def test_the_manifest_is_a_blob_under_the_digest_of_the_version(datasets, blobs):
    version = datasets.snapshot("numbers", ROWS, "user:mira")
    stored = b"".join(blobs.get(version.digest))

    assert stored == canonical(version.manifest.content())
    assert digest(stored) == version.digest


def test_a_version_is_found_by_its_reference(datasets):
    made = datasets.snapshot("numbers", ROWS, "user:mira")

    assert datasets.get(VersionRef("numbers", 1)) == made
    assert datasets.newest("numbers") == made
    assert made.actor == "user:mira"


def test_what_does_not_exist_is_not_found_and_says_what_does(datasets):
    datasets.snapshot("numbers", ROWS, "user:mira")

    with pytest.raises(NotFound) as caught:
        datasets.get(VersionRef("numbers", 4))
    with pytest.raises(NotFound):
        datasets.newest("letters")
    assert caught.value.hint == "numbers has versions 1 to 1"


def test_an_untouched_version_verifies(datasets):
    version = datasets.snapshot("numbers", ROWS, "user:mira")

    assert datasets.verify(VersionRef("numbers", 1)) == version


def test_one_changed_byte_is_named_by_its_object(datasets, tmp_path):
    version = datasets.snapshot("numbers", ROWS, "user:mira")
    damage(file_of(tmp_path, version.objects[1].digest))

    with pytest.raises(Corrupt, match=r"object 2 of \d+ \(sha256:.*damaged") as caught:
        datasets.verify(VersionRef("numbers", 1))
    assert version.objects[1].digest in caught.value.message
    with pytest.raises(Corrupt):
        datasets.columns(version)


def test_every_missing_object_is_named_not_only_the_first(datasets, tmp_path):
    version = datasets.snapshot("numbers", ROWS, "user:mira")
    for item in (version.objects[0], version.objects[2]):
        file_of(tmp_path, item.digest).unlink()
    damage(file_of(tmp_path, version.digest))

    with pytest.raises(Corrupt) as caught:
        datasets.verify(VersionRef("numbers", 1))

    for part in ("the manifest", "object 1 of ", "object 3 of "):
        assert part in caught.value.message


def test_a_manifest_edited_in_the_database_is_noticed(datasets, database):
    version = datasets.snapshot("numbers", ROWS, "user:mira")
    forged = {**version.manifest.content(), "rows": 7}
    with database.write() as connection:
        connection.execute(dataset_versions.update().values(manifest=forged))

    with pytest.raises(Corrupt, match=r"numbers@1 was edited"):
        datasets.get(VersionRef("numbers", 1))


def test_a_snapshot_is_one_audit_entry(datasets, database, tmp_path):
    for _ in range(2):
        version = datasets.snapshot("numbers", ROWS, "user:mira")
    log = AuditLog(database, None, None, tmp_path)

    (found,) = log.search(AuditQuery(action="dataset.write"))

    assert (found.actor, found.resource) == ("user:mira", "Dataset/numbers")
    assert found.detail["digest"] == version.digest


def test_a_refused_source_leaves_nothing(datasets, tmp_path):
    with pytest.raises(Invalid, match="'b' has 1 values"):
        datasets.snapshot("numbers", {"a": [1, 2], "b": [1]}, "user:mira")

    assert datasets.list("numbers") == []
    assert not (tmp_path / "blobs").exists()


@pytest.mark.parametrize("name", ["", "Tumors", "a b", "../x", "a" * 64])
def test_a_name_is_one_that_a_reference_can_hold(datasets, name):
    with pytest.raises(Invalid, match="no name of a dataset"):
        datasets.snapshot(name, ROWS, "user:mira")


def test_snapshots_at_the_same_time_get_numbers_of_their_own(datasets):
    def make(n):
        datasets.snapshot("numbers", {"a": [n]}, "user:mira")

    threads = [threading.Thread(target=make, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [v.number for v in datasets.list("numbers")] == [6, 5, 4, 3, 2, 1]


def test_a_version_shows_itself_and_escapes_what_it_shows(datasets):
    version = datasets.snapshot("tricky", {"<b>": [1, 2]}, "user:mira")

    assert repr(version).startswith("tricky@1 (rows 2, columns 1, sha256 ")
    assert "&lt;b&gt; BIGINT" in version._repr_html_()
