"""The audit log can be searched, verified, and taken away to be verified elsewhere."""

from roadbed.audit.note import read_verifier
from roadbed.audit.proof import EntryProof
from roadbed.audit.tar import opened_tar
from roadbed.audit.verify import verify


def test_entries_are_listed_page_by_page(estate):
    for _ in range(3):
        estate.ask("GET", "/api/v1/keys", "app")
    first = estate.ask("GET", "/api/v1/audit/entries?limit=2", "auditor")[2]
    then = estate.ask(
        "GET", f"/api/v1/audit/entries?limit=1&before={first['before']}", "auditor"
    )[2]
    one = estate.ask("GET", f"/api/v1/audit/entries/{first['before']}", "auditor")[2]

    assert [e["seq"] for e in first["entries"]][-1] == first["before"]
    assert then["entries"][0]["seq"] == first["before"] - 1
    assert one == first["entries"][-1]


def test_the_log_is_verified_by_the_server_and_by_anybody(estate, tmp_path):
    _, headers, bundle = estate.ask("GET", "/api/v1/audit/bundle", "auditor")
    _, _, report = estate.ask("GET", "/api/v1/audit/verify", "auditor")
    _, _, head = estate.ask("GET", "/api/v1/audit/checkpoint", "auditor")
    file = tmp_path / "bundle"
    file.write_bytes(bundle)
    with opened_tar(file) as opened:
        elsewhere = verify(opened, head["public_key"])

    assert report["verified"]
    assert elsewhere.verified
    assert "attachment" in headers["content-disposition"]
    assert head["size"] >= 1


def test_an_entry_that_is_not_there_is_not_found(estate):
    for seq in ("999999", "x", "0", "-1"):
        assert estate.ask("GET", f"/api/v1/audit/entries/{seq}", "auditor")[0] == 404


def test_the_proof_of_one_entry_stands_alone(estate):
    _, headers, text = estate.ask("GET", "/api/v1/audit/entries/2/proof", "auditor")
    _, _, head = estate.ask("GET", "/api/v1/audit/checkpoint", "auditor")
    proof = EntryProof.read(text if isinstance(text, str) else text.decode())

    assert proof.findings([read_verifier(head["public_key"])]) == []
    assert proof.entry["seq"] == 2
    assert "2.tlog-proof" in headers["content-disposition"]
    status = estate.ask("GET", "/api/v1/audit/entries/999999/proof", "auditor")[0]
    assert status == 404


def test_whoever_verifies_or_exports_the_log_is_on_it(estate):
    for path in ("verify", "bundle"):
        estate.ask("GET", f"/api/v1/audit/{path}", "auditor")
    _, _, found = estate.ask("GET", "/api/v1/audit/entries?limit=2", "auditor")

    assert [e["action"] for e in found["entries"]] == ["audit.export", "audit.verify"]
    assert {e["actor"] for e in found["entries"]} == {"service-account:auditor"}
