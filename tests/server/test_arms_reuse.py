"""What one of two versions of an endpoint answered is never the answer of the other."""

import asyncio
import threading
from dataclasses import replace

import pytest
from openai import AsyncOpenAI

from roadbed.database.engine import open_database
from roadbed.database.migrate import migrate
from roadbed.gateway.reuse.keys import Keys
from roadbed.inference.call import Chunk
from roadbed.rollouts.assignment import bucket_of
from roadbed.server.governed import Means
from tests.server.arms import both, house_in_rollout, show
from tests.server.house import KEY, Runner, now_us
from tests.server.reusing import HELLO

HALF = 5_000
CACHE = {"cache": {"ttl_s": 60, "stale_s": 60}}
OLD, NEW = (
    next(f"u{n}" for n in range(99) if (bucket_of("bot", f"u{n}") < HALF) == new)
    for new in (False, True)
)


class Slow(Runner):
    """Says its word once it may, and counts how often it was asked."""

    def __init__(self, word):
        super().__init__()
        self.word, self.asked, self.go = word, 0, threading.Event()

    async def send(self, call):
        self.asked += 1
        await asyncio.to_thread(self.go.wait, 20)
        yield Chunk(text=self.word, finish="stop")


def all_of(house, users, headers=None):
    """Ask the same for each of *users* at once; return text, headers and record."""

    async def together():
        url = f"{house.url}/v1"
        async with AsyncOpenAI(base_url=url, api_key=KEY, max_retries=0) as client:
            create = client.chat.completions.with_raw_response.create
            asking = [
                create(model="bot", messages=HELLO, user=u, extra_headers=headers)
                for u in users
            ]
            return await asyncio.gather(*asking)

    return [
        (
            answer.parse().choices[0].message.content,
            answer.headers,
            house.last(answer.headers["x-roadbed-call"]),
        )
        for answer in asyncio.run(together())
    ]


@pytest.mark.parametrize("same", [False, True], ids=["other-digest", "same-digest"])
def test_calls_of_both_versions_share_no_answer(same):
    """Neither what is under way nor what was kept; also if definitions are equal."""
    old, new = Slow("old"), Slow("new")
    deployed = both(old, new, terms=CACHE, weight=HALF, unit="user")
    if same:
        deployed = alike(deployed)
    with house_in_rollout(deployed) as house:
        threading.Timer(0.3, lambda: (old.go.set(), new.go.set())).start()
        first = all_of(house, [OLD, NEW] * 4)
        second = all_of(house, [NEW, OLD])

    for said, _, record in first + second:
        assert said == record.arm
        assert record.model == f"bot@{'1' if said == 'old' else '2'}"
    assert [said for said, _, _ in second] == ["new", "old"]
    assert {headers["x-roadbed-cache"] for _, headers, _ in second} == {"hit"}
    assert (old.asked, new.asked) == (1, 1)


def alike(deployed):
    """Return *deployed* with two versions of one and the same definition."""
    digest, arms = deployed.version.digest, deployed.arms
    (choice,) = arms.newer.choices
    twin = replace(choice, version=replace(choice.version, digest=digest))
    newer = replace(arms.newer, choices=(twin,))
    return replace(deployed, arms=replace(arms, newer=newer))


@pytest.fixture
def means(tmp_path):
    opened = open_database(f"sqlite:///{tmp_path / 'control.db'}")
    migrate(opened)
    yield Means(keys=Keys(opened, now_us))
    opened.close()


def test_a_repeated_call_is_told_the_same_and_counts_for_neither(means):
    """Its unit moved meanwhile. What an idempotency key promises is kept."""
    old, new = Slow("old"), Slow("new")
    old.go.set()
    new.go.set()
    key = {"Idempotency-Key": "order-17"}
    with house_in_rollout(both(old, new, weight=1, unit="user"), means=means) as house:
        ((said, _, before),) = all_of(house, [NEW], key)
        show(house, both(old, new, weight=10_000, unit="user"))
        ((again, headers, after),) = all_of(house, [NEW], key)
        ((fresh, _, other),) = all_of(house, [NEW])

    assert (said, again, fresh) == ("old", "old", "new")
    assert headers["idempotent-replayed"] == "true"
    assert (before.arm, after.arm, other.arm) == ("old", "", "new")
    assert (after.rollout, after.bucket, after.cache) == ("", 0, "replay")
    assert (old.asked, new.asked) == (1, 1)


def test_repeated_calls_of_nobody_are_one_unit(means):
    old, new = Slow("old"), Slow("new")
    old.go.set()
    new.go.set()
    with house_in_rollout(both(old, new, weight=HALF, unit="call"), means=means) as h:
        told = [all_of(h, [OLD], {"Idempotency-Key": f"k-{n % 6}"}) for n in range(18)]

    answers = [said for ((said, _, _),) in told]
    assert answers[:6] == answers[6:12] == answers[12:]
    assert set(answers) == {"old", "new"}
    assert old.asked + new.asked == 6
