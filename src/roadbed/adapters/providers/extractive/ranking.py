"""Puts given documents in the order in which they match a query: BM25 over stems.

The formula is that of Robertson and Zaragoza, "The Probabilistic Relevance Framework:
BM25 and Beyond" (2009), with the weight of a word kept above nought, so that a word
that most of a few documents hold still counts.
"""

import math
import sqlite3
from collections.abc import Sequence
from contextlib import closing

from roadbed.adapters.providers.extractive.search import TOKENIZER, telling_words
from roadbed.core.errors import Unavailable

_K1, _B = 1.2, 0.75
_CREATE = f"""
CREATE VIRTUAL TABLE texts USING fts5(text, content='', tokenize="{TOKENIZER}");
CREATE VIRTUAL TABLE words USING fts5vocab(texts, 'instance');
"""
_QUERY = 1  # the row of the query; the documents follow it


def rank(query: str, documents: Sequence[str]) -> list[tuple[int, float]]:
    """Return place and score of each document, the best first; nought: no word of it.

    Equal ones keep their order. Raises Unavailable if SQLite has no FTS5.
    """
    texts = [" ".join(telling_words(query)), *(_whole(text) for text in documents)]
    try:
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.executescript(_CREATE)
            connection.executemany(
                "INSERT INTO texts (rowid, text) VALUES (?, ?)",
                enumerate(texts, _QUERY),
            )
            scores = _scores(connection, len(documents))
    except sqlite3.Error as error:
        raise Unavailable(f"the search cannot rank these: {error}") from None
    return sorted(enumerate(scores), key=lambda pair: (-pair[1], pair[0]))


def _whole(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _scores(connection: sqlite3.Connection, count: int) -> list[float]:
    ask = connection.execute
    lengths = dict(ask("SELECT doc, count(*) FROM words GROUP BY doc"))
    lengths.pop(_QUERY, None)
    usual = sum(lengths.values()) / count or 1.0
    scores = dict.fromkeys(range(count), 0.0)
    wanted = ask("SELECT DISTINCT term FROM words WHERE doc = ?", (_QUERY,)).fetchall()
    for term in wanted:
        found = ask(
            "SELECT doc, count(*) FROM words WHERE term = ? GROUP BY doc", term
        ).fetchall()
        holding = [(doc, often) for doc, often in found if doc != _QUERY]
        n = len(holding)
        weight = math.log(1 + (count - n + 0.5) / (n + 0.5))
        for doc, often in holding:
            long = _K1 * (1 - _B + _B * lengths[doc] / usual)
            scores[doc - _QUERY - 1] += weight * often * (_K1 + 1) / (often + long)
    return [round(score, 6) for score in scores.values()]
