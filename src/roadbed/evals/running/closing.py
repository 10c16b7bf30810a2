"""The end of graders: what they hold, such as a process of their own, ends too."""

import asyncio
import logging
from collections.abc import Iterable

from roadbed.evals.running.judges import Judge

_log = logging.getLogger(__name__)


async def close(judges: Iterable[Judge]) -> None:
    """Close each grader that has a `close`; one that fails does not keep the others."""
    for judge in judges:
        end = getattr(judge.grader, "close", None)
        if not callable(end):
            continue
        try:
            await asyncio.to_thread(end)
        except Exception:  # noqa: BLE001 a plug-in's fault ends no run
            _log.exception("grader %s could not be closed", judge.name)
