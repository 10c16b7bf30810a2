"""Answers with the best-matching passages of a folder of documents, and cites them.

It is a search, not a language model, and says so in the first line of every answer.
It needs no key and no network: for a first try, and as a last resort. Passages are
ranked by BM25 over an SQLite FTS5 index, one in memory for each version; the same
version gives the same question the same answer.
"""

from roadbed.adapters.providers.extractive.fitness import Config, unfit, unpinned
from roadbed.adapters.providers.extractive.runner import Extractive

provider = Extractive

__all__ = ["Config", "Extractive", "provider", "unfit", "unpinned"]
