"""Loads versions beside the compiling of pictures, so that none waits for a large one.

A model of some hundred megabytes takes seconds to load. A rollback that comes meanwhile
must not wait for it, and neither must a key that was revoked.
"""

import threading
from collections.abc import Callable, Collection, Hashable
from concurrent.futures import Future, wait

from roadbed.core.errors import NotReady
from roadbed.inference.provider import Runner

PATIENCE_S = 0.5
"""What loads sooner than this is in the picture that asked for it."""


class StillLoading(NotReady):
    """A version is being loaded; `job` ends when it is."""

    def __init__(self, version: str, job: Future[Runner]) -> None:
        super().__init__(
            f"{version} is still being loaded", hint="it is served as soon as it is"
        )
        self.job = job


class Loader:
    """Loads one version after the other, in a thread that ends with the last one.

    Used by one thread. Memory is asked for by each load before it begins, so two at
    once would both take what is there once.
    """

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._jobs: dict[Hashable, Future[Runner]] = {}
        self._turn = threading.Lock()

    def load(self, key: Hashable, version: str, opened: Callable[[], Runner]) -> Runner:
        """Return what *opened* returns, under its *key*; raise what it raises.

        Raises StillLoading if that takes long: ask again when its `job` is done.
        """
        job = self._jobs.get(key)
        if job is None:
            job = self._jobs[key] = self._begun(opened)
            wait([job], self._patience_s)
        if not job.done():
            raise StillLoading(version, job)
        if job.exception() is not None:
            del self._jobs[key]
        return job.result()

    def forget(self, wanted: Collection[Hashable]) -> list[Future[Runner]]:
        """Let go of what was loaded and is not *wanted*; return what is under way."""
        for key in [k for k, job in self._jobs.items() if job.done()]:
            if key not in wanted:
                del self._jobs[key]
        return [job for job in self._jobs.values() if not job.done()]

    def _begun(self, opened: Callable[[], Runner]) -> Future[Runner]:
        job: Future[Runner] = Future()

        def work() -> None:
            with self._turn:
                try:
                    job.set_result(opened())
                # Whoever asks for the job is told.
                except BaseException as error:  # noqa: BLE001
                    job.set_exception(error)

        threading.Thread(target=work, name="roadbed-load", daemon=True).start()
        return job
