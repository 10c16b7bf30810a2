"""Answers from recorded calls: tests of an application that cost nothing.

`roadbed calls export` writes calls of the log to a file, and this provider gives the
same answer to the same question. Nothing is asked of the network. A question that was
never recorded is refused, with its digest and the recorded question nearest to it.
"""

from roadbed.adapters.providers.replay.calls import Config, unfit, unpinned
from roadbed.adapters.providers.replay.runner import Replay

provider = Replay

__all__ = ["Config", "Replay", "provider", "unfit", "unpinned"]
