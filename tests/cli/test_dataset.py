"""`roadbed dataset` as a stranger would use it, in one process."""

import json
import sqlite3

import pytest

from roadbed.cli import main

STACK = """\
apiVersion: roadbed/v1
kind: Dataset
metadata:
  name: orders
spec:
  owner: shop
  licence: proprietary
  classification: restricted
  region: eu
  purposes: [forecast]
  source: the shop
  key: [id]
  checks:
    - {column: id, not_null: true, unique: true}
    - {column: amount, min: 0}
  database: secret://env/ROADBED_TEST_SHOP
  query: SELECT id, amount FROM orders ORDER BY id
"""


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run `roadbed *words` in a fresh line; return its exit code and what it told."""
    (tmp_path / "stack").mkdir()
    monkeypatch.chdir(tmp_path / "stack")
    monkeypatch.setenv("HOME", str(tmp_path))

    def run(*words):
        code = 0
        try:
            main(list(words))
        except SystemExit as end:
            code = int(end.code or 0)
        told = capsys.readouterr()
        return code, told.out + told.err

    assert run("init", ".")[0] == 0
    monkeypatch.setenv(
        "ROADBED_KEY", (tmp_path / "stack/.roadbed/bootstrap-token").read_text().strip()
    )
    (tmp_path / "stack" / "orders.yaml").write_text(STACK)
    code, told = run("apply", "--yes")
    assert code == 0, told
    return run


def test_a_dataset_from_creation_to_proof(run, tmp_path, monkeypatch):
    (tmp_path / "a.csv").write_text("id,amount\n1,5\n2,7\n3,9\n")
    (tmp_path / "b.jsonl").write_text(
        '{"id": 1, "amount": 5}\n{"id": 2, "amount": 8}\n{"id": 4, "amount": 1}\n'
    )
    (tmp_path / "c.csv").write_text("id,amount\n1,-77\n1,8\n")
    first = run("dataset", "create", "orders", str(tmp_path / "a.csv"))
    again = run("dataset", "create", "orders", str(tmp_path / "a.csv"))
    b = str(tmp_path / "b.jsonl")
    second = run("dataset", "create", "orders", b, "--parent", "orders@1")
    code, refused = run("dataset", "create", "orders", str(tmp_path / "c.csv"))

    assert first == again
    assert first[1].startswith("orders@1: 3 rows, sha256:")
    assert second[1].startswith("orders@2: 3 rows, sha256:")
    assert code == 2
    assert "amount: 1 row breaks the check 'amount is at least 0'" in refused
    assert "77" not in refused

    code, told = run("dataset", "diff", "orders@1", "orders@2")
    assert "rows (by id): 1 added, 1 removed, 1 changed, 1 the same" in told
    found = json.loads(run("dataset", "diff", "orders@1", "orders@2", "-o", "json")[1])
    assert found["rows"] == {"added": 1, "removed": 1, "changed": 1, "same": 1}

    known = json.loads(run("dataset", "get", "orders@2", "--paths", "-o", "json")[1])
    declared = {"owner": "shop", "licence": "proprietary", "region": "eu"}
    assert declared.items() <= known.items()
    assert (known["classification"], known["purposes"]) == ("restricted", ["forecast"])
    assert (known["parents"], known["key"]) == (["orders@1"], ["id"])
    assert known["made_from"]["name"] == "b.jsonl"
    assert len(known["paths"]) == 1
    assert run("dataset", "verify", "orders@2")[1].startswith("orders@2 verified")
    assert "restricted" in run("dataset", "list")[1]

    shop = tmp_path / "shop.db"
    with sqlite3.connect(shop) as connection:
        connection.execute("CREATE TABLE orders AS SELECT 1 AS id, 5 AS amount")
    monkeypatch.setenv("ROADBED_TEST_SHOP", f"sqlite:///{shop}")
    assert run("dataset", "create", "orders")[1].startswith("orders@3: 1 rows")
    assert str(shop) not in run("dataset", "get", "orders@3")[1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["create", "nope", "orders.yaml"], "there is no Dataset 'nope'"),
        (["create", "orders", "orders.yaml"], "neither CSV nor JSON Lines nor Parquet"),
        (["create", "orders"], "ROADBED_TEST_SHOP"),
        (["create", "tumors"], "no source is named"),
        (["get", "orders"], "not a pinned version"),
        (["get", "orders@1"], "there is no dataset version orders@1"),
        (["diff", "orders@1", "nope@1"], "there is no Dataset 'nope'"),
    ],
)
def test_what_cannot_be_done_is_said(run, words, message):
    code, told = run("dataset", *words)

    assert code != 0
    assert message in told
    assert "Traceback" not in told
