"""Finds the source that a reference names, asks it, and remembers for a while."""

import logging
import re
import threading
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from roadbed.core.errors import NotFound, RoadbedError, Unavailable
from roadbed.core.secret import Secret
from roadbed.ports.secrets import SecretSource

STALE_S = 900.0
"""How much longer than its lifetime a value is used while its source is away."""
RETRY_S = 5.0
"""How often a source that is away, or a secret that was refused, is asked again."""
_AHEAD = 0.75
_THREADS = 2
_REFERENCE = re.compile(r"secret://([a-z][a-z0-9-]*)/(\S+)")
_log = logging.getLogger("roadbed.secrets")

OpenSource = Callable[[str], SecretSource]
"""Returns the source of a scheme; raises NotFound or Invalid."""


@dataclass(slots=True, eq=False, repr=False)
class _Held:
    """One secret at hand. Whoever asks for it holds the lock; times are monotonic."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    value: Secret | None = None
    before: Secret | None = None
    fetched_s: float = 0.0
    begin_s: float = 0.0
    end_s: float = 0.0
    renewed_s: float = -RETRY_S
    on_the_way: bool = False

    def keep(self, value: Secret, now_s: float, lifetime_s: float) -> None:
        if self.value is not None and value != self.value:
            self.before = self.value
        self.value, self.fetched_s = value, now_s
        self.begin_s, self.end_s = now_s + _AHEAD * lifetime_s, now_s + lifetime_s


class Resolver:
    """Resolves references over the sources that *open_source* opens, when first used.

    A value is used for its source's lifetime. Shortly before that ends, `held` has it
    asked for again in a thread, so that a caller on the event loop does not wait. If
    the source is away, the old value is used for 15 minutes more.
    """

    def __init__(
        self,
        open_source: OpenSource,
        schemes: Collection[str],
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open = open_source
        self._schemes = frozenset(schemes)
        self._clock_s = clock_s
        self._sources: dict[str, SecretSource] = {}
        self._held: dict[str, _Held] = {}
        self._lock = threading.Lock()
        self._threads: ThreadPoolExecutor | None = None

    def resolve(self, reference: str) -> Secret:
        """Return the secret behind `secret://scheme/path`.

        Raises NotFound, Invalid or Unavailable. Text that is no reference is not
        repeated: it may be the secret itself.
        """
        source, path = self._source(reference)
        held = self._entry(reference)
        with held.lock:
            if held.value is not None and self._clock_s() < held.end_s:
                return held.value
            return self._ask(held, source, path)

    def held(self, reference: str) -> Secret | None:
        """Return the secret if it is at hand, None if it must be resolved.

        Never waits for a source; has it asked in a thread when the time comes near.
        """
        held, now_s = self._held.get(reference), self._clock_s()
        if held is None or held.value is None or now_s >= held.end_s:
            return None
        if now_s >= held.begin_s and not held.on_the_way:
            held.on_the_way = True
            self._pool().submit(self._refresh, reference, held)
        return held.value

    def renew(self, reference: str, refused: Secret) -> Secret | None:
        """Return another value than *refused*, which its receiver did not accept.

        That is the value of now, or, if that is the refused one, the one before the
        last rotation: while a secret is rotated, both are in use. The source is asked
        once in 5 seconds at most. None if there is no other value.
        """
        held = self._entry(reference)
        with held.lock:
            if held.value is not None and held.value != refused:
                return held.value
            now_s = self._clock_s()
            if now_s - held.renewed_s < RETRY_S:
                return None
            held.renewed_s = now_s
            try:
                source, path = self._source(reference)
                return self._other(held, source, path, refused)
            except RoadbedError:
                return None

    def _other(
        self, held: _Held, source: SecretSource, path: str, refused: Secret
    ) -> Secret | None:
        value = source.fetch(path)
        if value == refused:
            previous = source.previous(path) or held.before
            value = previous if previous is not None else value
        if value == refused:
            return None
        held.keep(value, self._clock_s(), source.lifetime_s)
        return value

    def _refresh(self, reference: str, held: _Held) -> None:
        try:
            source, path = self._source(reference)
            with held.lock:
                self._ask(held, source, path)
        except RoadbedError as error:
            _log.warning("%s cannot be renewed: %s", reference, error.message)
        finally:
            held.on_the_way = False

    def _ask(self, held: _Held, source: SecretSource, path: str) -> Secret:
        """Ask *source*; use the value of before if it is away. Needs the lock."""
        try:
            value = source.fetch(path)
        except Unavailable as error:
            now_s = self._clock_s()
            last_s = held.fetched_s + source.lifetime_s + STALE_S
            if held.value is None or now_s >= last_s:
                raise
            _log.warning("an old secret goes on being used: %s", error.message)
            held.begin_s = held.end_s = min(now_s + RETRY_S, last_s)
            return held.value
        held.keep(value, self._clock_s(), source.lifetime_s)
        return value

    def _source(self, reference: str) -> tuple[SecretSource, str]:
        found = _REFERENCE.fullmatch(reference)
        if found is None:
            raise NotFound(
                "this is no reference of a secret",
                hint="write one such as secret://file/openai-key",
            )
        scheme, path = found.groups()
        if scheme not in self._schemes:
            known = ", ".join(sorted(self._schemes)) or "none"
            raise NotFound(
                f"no secrets are kept under {scheme!r}", hint=f"schemes here: {known}"
            )
        source = self._sources.get(scheme)
        if source is None:
            source = self._sources.setdefault(scheme, self._open(scheme))
        return source, path

    def _entry(self, reference: str) -> _Held:
        with self._lock:
            return self._held.setdefault(reference, _Held())

    def _pool(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._threads is None:
                self._threads = ThreadPoolExecutor(_THREADS, "roadbed-secrets")
            return self._threads
