"""Any byte of the database file may flip: no entry changes without a finding."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadbed.audit.bundle import opened
from roadbed.audit.log import AuditLog
from roadbed.audit.signer import Signer
from roadbed.audit.verify import verify
from roadbed.core.errors import RoadbedError
from roadbed.database.engine import open_database
from roadbed.database.tables import metadata

from .conftest import Ticking, fill


class Original:
    """A log as it was: the bytes of its database, its entries, and the key."""

    def __init__(self, folder, public_key):
        database = open_database(f"sqlite:///{folder / 'control.db'}")
        self.folder, self.public_key = folder, public_key
        with opened(database, folder / "copies") as bundle:
            self.leaves = list(bundle.leaves)
        database.close()
        self.data = (folder / "control.db").read_bytes()


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bytes")
    database = open_database(f"sqlite:///{folder / 'control.db'}")
    with database.write() as connection:
        metadata.create_all(connection)
    signer = Signer.load_or_create(folder / "audit.key")
    fill(AuditLog(database, signer, Ticking(), folder / "copies"), entries=30, every=4)
    database.close()
    return Original(folder, signer.public_key)


@settings(max_examples=150, deadline=None)
@given(place=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_no_flipped_byte_changes_an_entry_unseen(original, place, flip):
    data = original.data
    at = int(place * len(data.rstrip(b"\0")))
    file = original.folder / "flipped.db"
    file.write_bytes(data[:at] + bytes([data[at] ^ flip]) + data[at + 1 :])
    database = open_database(f"sqlite:///{file}")
    try:
        with opened(database, original.folder / "copies") as bundle:
            leaves = list(bundle.leaves)
            report = verify(replace(bundle, leaves=leaves), original.public_key)
    except RoadbedError:
        return
    finally:
        database.close()

    assert not report.verified or leaves == original.leaves
