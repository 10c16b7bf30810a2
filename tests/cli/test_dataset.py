"""`roadbed dataset` as a stranger would use it, in one process."""

import io
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
  database: secret://env/SHOP_URL
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
    token = (tmp_path / "stack/.roadbed/bootstrap-token").read_text()
    monkeypatch.setattr("sys.stdin", io.StringIO(token))
    assert run("login")[0] == 0
    (tmp_path / "stack" / "orders.yaml").write_text(STACK)
    code, told = run("apply", "--yes")
    assert code == 0, told
    return run


def read(run, *words):
    return json.loads(run("dataset", *words, "-o", "json")[1])


def test_a_dataset_from_creation_to_proof(run, tmp_path):
    a, b, c = (tmp_path / name for name in ("a.csv", "b.jsonl", "c.csv"))
    a.write_text("id,amount\n1,5\n2,7\n3,9\n")
    lines = [{"id": 1, "amount": 5}, {"id": 2, "amount": 8}, {"id": 4, "amount": 1}]
    b.write_text("\n".join(map(json.dumps, lines)))
    c.write_text("id,amount\n1,-77\n1,8\n")
    first = run("dataset", "create", "orders", str(a))
    again = run("dataset", "create", "orders", str(a))
    second = run("dataset", "create", "orders", str(b), "--parent", "orders@1")
    code, refused = run("dataset", "create", "orders", str(c))

    assert first == again
    assert first[1].startswith("orders@1: 3 rows, sha256:")
    assert second[1].startswith("orders@2: 3 rows, sha256:")
    assert code == 2
    assert "amount: 1 row breaks the check 'amount is at least 0'" in refused
    assert "77" not in refused

    told = run("dataset", "diff", "orders@1", "orders@2")[1]
    assert "rows (by id): 1 added, 1 removed, 1 changed, 1 the same" in told
    found = read(run, "diff", "orders@1", "orders@2")
    assert found["rows"] == {"added": 1, "removed": 1, "changed": 1, "same": 1}
    known = read(run, "get", "orders@2", "--paths")
    declared = {"owner": "shop", "licence": "proprietary", "region": "eu"}
    assert declared.items() <= known.items()
    assert (known["classification"], known["purposes"]) == ("restricted", ["forecast"])
    assert (known["parents"], known["key"]) == (["orders@1"], ["id"])
    assert (known["made_from"]["name"], len(known["paths"])) == ("b.jsonl", 1)
    assert run("dataset", "verify", "orders@2")[1].startswith("orders@2 verified")
    assert "restricted" in run("dataset", "list")[1]


WRONG = [
    (["create", "nope", "orders.yaml"], "there is no Dataset 'nope'"),
    (["create", "orders", "orders.yaml"], "neither CSV nor JSON Lines nor Parquet"),
    (["create", "orders"], "SHOP_URL"),
    (["create", "tumors"], "no source is named"),
    (["get", "orders"], "not a pinned version"),
    (["get", "orders@1"], "there is no dataset version orders@1"),
    (["diff", "orders@1", "nope@1"], "there is no Dataset 'nope'"),
]


def test_queries_and_folders_are_sources_and_what_is_none_is_said(
    run, tmp_path, monkeypatch
):
    for words, message in WRONG:
        code, told = run("dataset", *words)
        assert code != 0
        assert message in told
        assert "Traceback" not in told

    shop = tmp_path / "shop.db"
    with sqlite3.connect(shop) as connection:
        connection.execute("CREATE TABLE orders AS SELECT 1 AS id, 5 AS amount")
    monkeypatch.setenv("SHOP_URL", f"sqlite:///{shop}")
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("a")

    assert run("dataset", "create", "orders")[1].startswith("orders@1: 1 rows")
    assert str(shop) not in run("dataset", "get", "orders@1")[1]
    made = run("dataset", "create", "tumors", str(tmp_path / "texts"))[1]
    assert made.startswith("tumors@1: 1 files")
    run("dataset", "get", "tumors@1", "--to", str(tmp_path / "out"))
    assert (tmp_path / "out" / "a.txt").read_text() == "a"
