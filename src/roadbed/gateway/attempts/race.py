"""Two attempts at once: the first that has something to show wins, the other ends."""

import asyncio
from collections.abc import Callable

from roadbed.core.errors import RoadbedError
from roadbed.gateway.attempts.trial import Fallen, Lost, Trial


async def race(
    trial: Trial,
    other: Callable[[], Trial | None],
    after_s: float,
    share_s: float | None,
) -> tuple[Trial | None, Fallen]:
    """Return the winner, None if all failed, and those that failed.

    *other* makes the second attempt when the first had nothing to show for *after_s*.
    Whoever loses is let go and paid for before this returns, also if it is cancelled.
    """
    won: Trial | None = None
    running = {asyncio.create_task(trial.begin(share_s)): trial}
    fallen: Fallen = []
    try:
        done, _ = await asyncio.wait(running, timeout=after_s)
        second = None if done else other()
        if second is not None:
            running[asyncio.create_task(second.begin())] = second
        while running:
            ended, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in [task for task in running if task in ended]:
                one = running.pop(task)
                if (error := task.exception()) is None:
                    won = one
                    return won, fallen
                if not isinstance(error, RoadbedError):
                    raise error
                fallen.append((one, error))
        return None, fallen
    finally:
        try:
            await _let_go(running)
        except BaseException as error:
            if won is not None:
                await won.close(error)
            raise


async def _let_go(running: "dict[asyncio.Task[None], Trial]") -> None:
    for task, trial in running.items():
        trial.end(Lost())
        task.cancel()
    if running:
        await asyncio.gather(*running, return_exceptions=True)
    for trial in running.values():
        await trial.close(Lost())
