"""A sealed call is provable, and a changed one is named."""

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from roadbed.audit import merkle
from roadbed.audit.tables import entries
from roadbed.core.errors import Corrupt, NotFound
from roadbed.gateway.leaf import leaf_of
from roadbed.gateway.proof import prove
from roadbed.gateway.tables import segment_files, segments
from roadbed.testing.history_contract import NOON_US, a_call, a_record, call_id, write

from .conftest import HISTORY


def test_a_proof_leads_from_the_call_to_the_audit_entry(both_yards):
    segment = both_yards.sealed(1, 2, 3, 4, 5)
    proof = both_yards.log.prove(call_id(3, NOON_US + 3000))
    query = sa.select(entries).where(entries.c.seq == proof.audit_seq)
    with both_yards.database.read() as connection:
        entry = connection.execute(query).one()

    assert proof.record == a_call(3)[0]
    assert (proof.segment, proof.index, proof.size) == (segment.id, 2, 5)
    assert proof.root == entry.detail["root"]
    assert proof.holds()


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 40), st.data())
def test_a_proof_holds_for_its_record_only(size, data):
    records = [a_record(n) for n in range(size)]
    root = merkle.root([merkle.leaf_hash(leaf_of(r)) for r in records]).hex()
    chosen = data.draw(st.sampled_from(records))
    segment = Stub(id="s", root=root, audit_seq=1)
    proof = prove(segment, data.draw(st.permutations(records)), chosen.call_id)
    forged = msgspec.structs.replace(chosen, status="error")

    assert proof.holds()
    assert not data_with(proof, record=forged).holds()
    assert not data_with(proof, root="00" * 32).holds()
    assert not data_with(proof, root="no hex").holds()


class Stub(msgspec.Struct):
    """What a proof reads of a segment."""

    id: str
    root: str
    audit_seq: int


def data_with(proof, **changes):
    values = {name: getattr(proof, name) for name in proof.__slots__}
    return type(proof)(**values | changes)


def test_a_segment_that_is_whole_has_no_findings(both_yards):
    segment = both_yards.sealed(1, 2, 3)

    assert both_yards.log.verify_segment(segment.id) == ()
    with pytest.raises(NotFound):
        both_yards.log.verify_segment("nonsense")


def test_one_changed_byte_is_named(yard):
    segment = yard.sealed(1, 2, 3)
    path = yard.root / segment.payloads.path
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)

    assert "the payloads file was changed" in yard.log.verify_segment(segment.id)[0]


def test_a_missing_file_is_named(yard):
    segment = yard.sealed(1)
    (yard.root / segment.calls.path).unlink()
    (finding,) = yard.log.verify_segment(segment.id)

    assert "is missing" in finding
    assert segment.calls.path in finding


def forge(yard, segment, records):
    """Replace the calls and bring the catalog into line, as an insider would."""
    path = yard.root / segment.calls.path
    write(HISTORY, "calls", records, path)
    with yard.database.write() as connection:
        connection.execute(segments.update().values(rows=len(records)))


def test_a_changed_record_is_named_even_if_the_catalog_agrees(yard):
    segment = yard.sealed(1, 2)
    forge(yard, segment, [a_call(1)[0], a_call(2, status="error")[0]])
    findings = yard.log.verify_segment(segment.id)

    assert any("not those that were sealed" in finding for finding in findings)
    with pytest.raises(Corrupt, match="Merkle root differs"):
        yard.log.prove(call_id(2, NOON_US + 2000))


def test_a_catalog_that_departs_from_the_audit_log_is_named(yard):
    segment = yard.sealed(1, 2)
    with yard.database.write() as connection:
        connection.execute(segments.update().values(root="00" * 32))
        connection.execute(segment_files.update().values(sha256="11" * 32))
    findings = yard.log.verify_segment(segment.id)

    assert "differ in files, root" in findings[0]


def test_a_changed_payload_is_named_by_its_call(yard):
    segment = yard.sealed(1, 2)
    changed = msgspec.structs.replace(a_call(2)[1], response="no")
    path = yard.root / segment.payloads.path
    write(HISTORY, "payloads", [changed], path)
    findings = yard.log.verify_segment(segment.id)

    assert any(f"payload of {changed.call_id}" in finding for finding in findings)
    assert any("1 payloads are missing" in finding for finding in findings)
