"""Finds the passages that match a question best: BM25 over SQLite FTS5."""

import re
import sqlite3
import threading
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

from roadbed.adapters.providers.extractive.passages import Passage
from roadbed.core.errors import Unavailable

_MOST_WORDS = 64
TOKENIZER = "porter unicode61 remove_diacritics 2"
_CREATE = f"""
CREATE VIRTUAL TABLE passages USING fts5(
    heading, text, content='', tokenize="{TOKENIZER}")
"""
_FIND = """
SELECT rowid, bm25(passages, 2.0, 1.0) AS score FROM passages
WHERE passages MATCH ? ORDER BY score, rowid LIMIT ?
"""
STOP_WORDS = frozenset(
    """
    a about after all also am an and any are aren as at be because been before being
    between both but by can cannot could couldn d did didn do does doesn doing don down
    during each few for from get give had has hasn have haven having he her here hers
    him his how i if in into is isn it its itself just ll let m me more most my no nor
    not of off on once only or other our ours out over own please re s same she should
    shouldn so some such t tell than that the their theirs them then there these they
    this those through to too under until up us ve very was wasn we were weren what when
    where which while who whom whose why will with won would wouldn you your yours
    """.split()  # noqa: SIM905
)


class Hit(NamedTuple):
    """A passage that matches, and how well: higher is better."""

    passage: Passage
    score: float


class Index:
    """An index of passages in memory. Raises Unavailable if SQLite has no FTS5.

    It may be used from any thread, one question at a time.
    """

    def __init__(self, passages: Sequence[Passage]) -> None:
        self.passages = tuple(passages)
        self._lock = threading.Lock()
        self._open = True
        self._connection = sqlite3.connect(":memory:", check_same_thread=False)
        rows = ((n, p.heading, p.text) for n, p in enumerate(self.passages))
        try:
            self._connection.execute(_CREATE)
            self._connection.executemany(
                "INSERT INTO passages (rowid, heading, text) VALUES (?, ?, ?)", rows
            )
        except sqlite3.Error as error:
            self.close()
            raise Unavailable(
                f"the search cannot make its index: {error}",
                hint="use a Python whose SQLite was built with FTS5",
            ) from None

    def find(self, question: str, most: int) -> list[Hit]:
        """Return the *most* best passages with different texts, the best one first."""
        query = match_query(question)
        if not query:
            return []
        found: dict[str, Hit] = {}
        for row, score in self._ask(query, most * 4):
            passage = self.passages[row]
            found.setdefault(passage.digest, Hit(passage, round(-score, 6)))
        return list(found.values())[:most]

    def close(self) -> None:
        """Let go of the memory; a question after that is Unavailable."""
        with self._lock:
            self._open = False
            self._connection.close()

    def _ask(self, query: str, most: int) -> list[tuple[int, float]]:
        with self._lock:
            if not self._open:
                raise Unavailable("the index was closed")
            try:
                return self._connection.execute(_FIND, (query, most)).fetchall()
            except sqlite3.Error as error:
                raise Unavailable(f"the search failed: {error}") from None


def match_query(question: str) -> str:
    """Return the FTS5 query for any text: its words, quoted, any of them.

    Words that are in every text are left out; of a very long question, all but the
    first 64 different words are. Empty if nothing is left to search for.
    """
    return " OR ".join(f'"{word}"' for word in telling_words(question))


def telling_words(question: str) -> list[str]:
    """Return the first 64 different words that are not in every text."""
    words = (found[0] for found in islice(re.finditer(r"\w+", question.lower()), 2_000))
    telling = dict.fromkeys(word for word in words if word not in STOP_WORDS)
    return list(islice(telling, _MOST_WORDS))
