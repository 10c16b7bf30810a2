"""What every store of sealed calls must do: give back exactly what was sealed."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roadbed.core.errors import Corrupt, NotFound
from roadbed.gateway.history import CallQuery, History, Span, cursor
from roadbed.inference.record import CallRecord, Payload, commit, leaf_bytes

NOON_US = 1_795_262_400_000_000
"""2026-11-21T12:00:00Z."""

_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_doubles = st.floats(allow_nan=False, allow_infinity=False)
_integers = st.integers(0, 2**53 - 1)
_TYPES: dict[Any, st.SearchStrategy[Any]] = {
    str: _texts,
    int: _integers,
    dict[str, float]: st.dictionaries(_texts, _doubles, max_size=4),
    dict[str, str]: st.dictionaries(_texts, _texts, max_size=4),
    dict[str, int]: st.dictionaries(_texts, _integers, max_size=4),
}


_ONE_SUITE_FOR_MANY = [
    HealthCheck.function_scoped_fixture,
    HealthCheck.differing_executors,
]


def any_records() -> st.SearchStrategy[CallRecord]:
    """Return a strategy for records with anything in them that a record may hold."""
    fields = {f.name: _TYPES[f.type] for f in msgspec.structs.fields(CallRecord)}
    return st.builds(CallRecord, **fields)


def any_payloads() -> st.SearchStrategy[Payload]:
    """Return a strategy for payloads with anything in them."""
    fields = {f.name: _TYPES[f.type] for f in msgspec.structs.fields(Payload)}
    return st.builds(Payload, **fields)


def _span(length_us: int, step_us: int, tenant: str = "") -> Span:
    return Span(
        since_us=NOON_US, until_us=NOON_US + length_us, step_us=step_us, tenant=tenant
    )


def call_id(number: int, ts: int = NOON_US) -> str:
    """Return the id of call *number*, of the time *ts*."""
    head = f"{ts // 1000:012x}"
    return f"local-{head[:8]}-{head[8:]}-7000-8000-{number:012x}"


def a_record(number: int = 1, **fields: Any) -> CallRecord:
    """Return the record of call *number*; each is a millisecond after the last."""
    ts = fields.pop("ts", NOON_US + number * 1000)
    plain: dict[str, Any] = {
        "call_id": call_id(number, ts),
        "ts": ts,
        "region": "local",
        "tenant": "default",
        "endpoint": "tumor-triage",
        "kind": "predict",
        "dialect": "v2",
        "status": "ok",
        "model": "tumor-triage@1",
        "principal": "service-account:clinic",
        "latency_us": 2500,
        "rows": 1,
        "num": {"mean radius": 14.25},
        "cat": {"site": "left"},
        "prediction": {"p": 0.75},
    }
    return CallRecord(**plain | fields)


def a_call(number: int = 1, **fields: Any) -> tuple[CallRecord, Payload]:
    """Return a record and the payload that it commits to."""
    request, response, salt = f'{{"n": {number}}}', '{"text": "yes"}', f"{number:064x}"
    bound = commit(salt, request, response)
    record = a_record(number, payload_commit=bound, **fields)
    payload = Payload(
        call_id=record.call_id,
        ts=record.ts,
        tenant=record.tenant,
        endpoint=record.endpoint,
        salt=salt,
        request=request,
        response=response,
    )
    return record, payload


def write(history: History, dataset: str, kept: list[Any], target: Path) -> int:
    """Write records or payloads as the sealer does."""
    return history.write(dataset, map(msgspec.json.encode, kept), target)


class HistoryContract:
    """Subclass me with a `history` fixture."""

    @settings(
        max_examples=60,
        deadline=None,
        suppress_health_check=_ONE_SUITE_FOR_MANY,
    )
    @given(records=st.lists(any_records(), max_size=4))
    def test_any_record_comes_back_with_the_same_leaf(
        self, history: History, tmp_path: Path, records: list[CallRecord]
    ) -> None:
        """Sealing changes nothing that the audit log commits to."""
        target = tmp_path / "any.parquet"

        rows = write(history, "calls", records, target)
        back = history.records(target) if records else []

        assert rows == len(records)
        assert sorted(map(leaf_bytes, back)) == sorted(map(leaf_bytes, records))

    @settings(
        max_examples=40,
        deadline=None,
        suppress_health_check=_ONE_SUITE_FOR_MANY,
    )
    @given(payload=any_payloads())
    def test_any_payload_comes_back_as_it_was(
        self, history: History, tmp_path: Path, payload: Payload
    ) -> None:
        """So that it still fits its commitment."""
        write(history, "payloads", [payload], tmp_path / "any.parquet")

        assert history.payloads(tmp_path / "any.parquet") == [payload]

    def test_a_large_payload_fits(self, history: History, tmp_path: Path) -> None:
        """A body of 24 MB is one line."""
        payload = msgspec.structs.replace(a_call()[1], request="é\n" * (8 << 20))
        write(history, "payloads", [payload], tmp_path / "large.parquet")

        assert history.payload(tmp_path / "large.parquet", payload.call_id) == payload

    def test_a_call_is_found_by_its_id(self, history: History, tmp_path: Path) -> None:
        """One call of many, or None."""
        file = tmp_path / "calls.parquet"
        write(history, "calls", [a_record(n) for n in range(50)], file)

        assert history.find(file, call_id(7, NOON_US + 7000)) == a_record(7)
        assert history.find(file, "local-nothing") is None

    def test_a_search_gives_the_newest_first(
        self, history: History, tmp_path: Path
    ) -> None:
        """Across files, page by page."""
        files = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
        write(history, "calls", [a_record(n) for n in range(0, 10, 2)], files[0])
        write(history, "calls", [a_record(n) for n in range(1, 10, 2)], files[1])

        first = history.search(files, CallQuery(limit=3))
        then = history.search(files, CallQuery(limit=3, before=cursor(first[-1])))

        assert first == [a_record(9), a_record(8), a_record(7)]
        assert then == [a_record(6), a_record(5), a_record(4)]

    @pytest.mark.parametrize(
        "fields",
        [
            {"endpoint": "other"},
            {"model": "other@3"},
            {"status": "error"},
            {"principal": "service-account:x"},
            {"kind": "llm"},
            {"rollout": "ro-1"},
            {"arm": "new"},
        ],
        ids=lambda fields: next(iter(fields)),
    )
    def test_a_search_can_ask_for_one_value(
        self, history: History, tmp_path: Path, fields: dict[str, Any]
    ) -> None:
        """Each field of the query narrows the answer; a model also by its name."""
        file = tmp_path / "calls.parquet"
        write(history, "calls", [a_record(1), a_record(2, **fields)], file)
        wanted: dict[str, Any] = {
            name: value.partition("@")[0] for name, value in fields.items()
        }

        assert history.search([file], CallQuery(**wanted)) == [a_record(2, **fields)]
        assert history.search([file], CallQuery(**fields)) == [a_record(2, **fields)]

    def test_a_tally_counts_by_endpoint_step_and_latency(
        self, history: History, tmp_path: Path
    ) -> None:
        """The end of the stretch is outside."""
        file, second = tmp_path / "calls.parquet", 1_000_000
        calls = [a_record(n, ts=NOON_US + n * second // 2) for n in range(6)]
        calls.append(a_record(9, ts=NOON_US, status="error", latency_us=0))
        write(history, "calls", calls, file)

        tallies = history.tally([file], _span(2 * second, second))
        found = {(t.at_us - NOON_US, t.bucket): (t.calls, t.errors) for t in tallies}

        assert found == {(0, 160): (2, 0), (second, 160): (2, 0), (0, 0): (1, 1)}

    def test_a_tenant_counts_and_finds_its_own_calls_only(
        self, history: History, tmp_path: Path
    ) -> None:
        """Whoever was not known called in nobody's name: that is the default's."""
        file, second = tmp_path / "calls.parquet", 1_000_000
        tenants = ("default", "", "acme", "acme", "acme-2")
        calls = [a_record(n, tenant=tenant) for n, tenant in enumerate(tenants)]
        write(history, "calls", calls, file)

        for tenant, mine in (("default", [1, 0]), ("acme", [3, 2]), ("a", [])):
            tallies = history.tally([file], _span(second, second, tenant))
            found = history.search([file], CallQuery(tenant=tenant))

            assert found == [calls[n] for n in mine]
            assert sum(t.calls for t in tallies) == len(mine)
            assert {t.tenant or "default" for t in tallies} <= {tenant}

    def test_costs_add_up_exactly_by_day_principal_and_label(
        self, history: History, tmp_path: Path
    ) -> None:
        """Whole numbers stay whole, also beyond what a float can hold."""
        file, much = tmp_path / "calls.parquet", 2**53 + 1
        one = {"principal": "user:a", "price": "p", "labels": {"team": "x"}}
        calls = [a_record(n, **one, cost_nano=much, status="ok") for n in range(3)]
        calls.append(a_record(7, principal="user:b", status="ok"))
        write(history, "calls", calls, file)

        found = history.spend([file], _span(10_000_000, 10_000_000), "team")
        sums = {
            (s.principal, s.label): (s.calls, s.unpriced, s.cost_nano) for s in found
        }

        assert sums == {
            ("user:a", "x"): (3, 0, 3 * much),
            ("user:b", ""): (1, 1, 0),
        }

    def test_a_missing_file_is_named(self, history: History, tmp_path: Path) -> None:
        """Retention may have removed it."""
        with pytest.raises(NotFound, match=r"gone\.parquet"):
            history.records(tmp_path / "gone.parquet")

    def test_a_damaged_file_is_named(self, history: History, tmp_path: Path) -> None:
        """And nothing of how it was asked for is shown."""
        (tmp_path / "bad.parquet").write_bytes(b"PAR1 this is no parquet PAR1")

        with pytest.raises(Corrupt, match=r"bad\.parquet"):
            history.records(tmp_path / "bad.parquet")

    def test_odd_names_of_folders_are_no_patterns(
        self, history: History, tmp_path: Path
    ) -> None:
        """A folder may be called anything that the file system allows."""
        folder = tmp_path / "it's [a] *star*?"
        folder.mkdir()
        write(history, "calls", [a_record()], folder / "x.parquet")

        assert history.records(folder / "x.parquet") == [a_record()]
        assert [path.name for path in folder.iterdir()] == ["x.parquet"]
