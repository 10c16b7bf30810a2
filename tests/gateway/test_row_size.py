"""What a call costs to keep, without what was said."""

import random

import msgspec

from roadbed.core.ids import Uuid7
from roadbed.inference.record import CallRecord
from roadbed.testing.history_contract import NOON_US

ROWS = 5_000
DIGESTS = [f"sha256:{n:064x}" for n in range(0x1234, 0x1238)]


def realistic(draw, at_us):
    """Return a call as a busy gateway has them: ids and counts differ, names recur."""
    number = draw.randrange(4)
    tokens = draw.randrange(40, 3_000)
    return CallRecord(
        call_id=f"local-{Uuid7(lambda: at_us * 1_000)()}",
        ts=at_us,
        region="local",
        tenant="default",
        endpoint=f"support-{number}",
        kind="llm",
        dialect="openai",
        status="ok" if draw.random() < 0.97 else "error",
        model=f"support-bot@{number + 1}",
        model_digest=DIGESTS[number],
        provider="openai",
        served="gpt-4o-2024-08-06",
        principal=f"service-account:shop-{draw.randrange(20)}",
        decision="policy:callers",
        snapshot=DIGESTS[0],
        policy=DIGESTS[1],
        input_tokens=tokens,
        output_tokens=draw.randrange(5, 800),
        latency_us=draw.randrange(200_000, 9_000_000),
        first_us=draw.randrange(100_000, 900_000),
        trace_id=f"{draw.getrandbits(128):032x}",
        span_id=f"{draw.getrandbits(64):016x}",
        upstream="eu",
        finish="stop",
        stream=1,
        cost_nano=tokens * 2_500,
        price=DIGESTS[2],
        attempts=1,
        stages={"admit": draw.randrange(90), "answer": draw.randrange(9_000_000)},
        labels={"team": "shop"},
    )


def test_a_call_without_its_words_is_kept_in_few_bytes(yard):
    """Pains 2, 3: a row of the log is small, and a price is a digest, not a copy."""
    draw = random.Random(7)
    made = [(realistic(draw, NOON_US + n * 600_000), None) for n in range(ROWS)]
    spool = yard.spool(*made)
    waiting = spool.stat().st_size / ROWS
    yard.sealer.seal(spool)
    files = sorted(yard.root.rglob("*.parquet"))
    kept = sum(file.stat().st_size for file in files) / ROWS

    assert kept < 300
    assert waiting < 2_000
    assert len(msgspec.json.encode(made[0][0])) > kept
    assert {len(record.price) for record, _ in made} == {71}


def test_old_calls_lie_in_files_of_their_own(yard):
    """Pain 2: what is old goes file by file; no row is ever looked for to delete it."""
    draw = random.Random(7)
    hours = [NOON_US + hour * 3_600_000_000 for hour in range(3)]
    spool = yard.spool(*((realistic(draw, at), None) for at in hours for _ in range(9)))
    made = yard.sealer.seal(spool)

    assert len({segment.calls.path for segment in made}) == len(hours)
    assert [segment.rows for segment in made] == [9, 9, 9]
