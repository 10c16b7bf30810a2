"""Erase what was said in a call, wherever Roadbed has copies of it.

Whatever vouches for it stays: the record and its commitment, every root, the figures
of reports. A tombstone, on the audit log, says who erased it and why.
"""

from dataclasses import asdict, dataclass

import sqlalchemy as sa

from roadbed.audit.entry import Entry
from roadbed.audit.log import append, hold
from roadbed.core.errors import Conflict, Invalid
from roadbed.data.erasure.erasures import Erasure, record_erasure
from roadbed.database.engine import Database
from roadbed.evals.erasing import calls_from, erase_copies, held_by
from roadbed.evals.feedback import Feedbacks
from roadbed.evals.golden import Golden
from roadbed.gateway.calls import CallLog, Found
from roadbed.gateway.erasing import forget_answer, payloads_erased, tombstone
from roadbed.gateway.request import ask_to_seal

ACTION = "call.erase"


@dataclass(frozen=True, slots=True, kw_only=True)
class Because:
    """Why something is erased, who decided it, and when (UTC µs)."""

    reason: str
    actor: str
    at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What went, by where it was, and what still holds some of it.

    `payloads` are the calls whose question and answer went: the call, and those by
    which evaluations asked the same again. `held_by` are versions that are immutable:
    withdraw them, and publish others without the case.
    """

    call_id: str
    payloads: tuple[str, ...] = ()
    words: int = 0
    candidates: int = 0
    answers: int = 0
    grades: int = 0
    online: int = 0
    held_by: tuple[str, ...] = ()

    @property
    def nothing(self) -> bool:
        """Say whether there was nothing to erase."""
        counts = (self.words, self.candidates, self.answers, self.grades, self.online)
        return not self.payloads and not any(counts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Eraser:
    """Erases what was said in calls. Blocks, and may take seconds."""

    database: Database
    calls: CallLog

    def erase(self, call_id: str, because: Because) -> Erased:
        """Erase what was said in a call; doing it again finishes what was not done.

        Raises NotFound, Invalid without a reason, and Conflict while one of the calls
        still lies in the spool of a process; that one is asked to seal it.
        """
        if not because.reason.strip():
            raise Invalid("say why, as `reason`: it goes on the audit log")
        found = self._sealed(call_id)
        gone = [each for each in found if each.payload is not None]
        words, candidates = self._said(call_id, because)
        with self.database.write() as connection:
            hold(connection)
            _bury(connection, gone, because)
            for each in found:
                forget_answer(connection, each.record.call_id)
            erased = Erased(
                call_id=call_id,
                payloads=tuple(each.record.call_id for each in gone),
                words=words,
                candidates=candidates,
                **asdict(erase_copies(connection, call_id)),
                held_by=tuple(held_by(connection, call_id)),
            )
            if not erased.nothing:
                append(connection, because.at_us, _entry(erased, because))
        self.calls.strip(gone)
        self.database.scrub()
        return erased

    def _sealed(self, call_id: str) -> list[Found]:
        """Return the call and those that asked the same again, all of them sealed."""
        with self.database.read() as connection:
            others = calls_from(connection, call_id)
        found = [self.calls.find(each) for each in (call_id, *others)]
        for each in found:
            if each.segment is None:
                with self.database.write() as connection:
                    ask_to_seal(connection)
                raise Conflict(
                    f"call {each.record.call_id} is not sealed yet",
                    hint="it is within a minute; nothing was erased, so try again",
                )
        return found

    def _said(self, call_id: str, because: Because) -> tuple[int, int]:
        """Erase what people said of the call, and what waits to become a case."""

        def now_us() -> int:
            return because.at_us

        feedbacks = Feedbacks(self.database, now_us)
        words = feedbacks.erase(call_id, because.reason, because.actor)
        return words, Golden(self.database, now_us).erase(call_id)


def _bury(connection: sa.Connection, gone: list[Found], because: Because) -> None:
    """Write the tombstones of payloads that have none yet."""
    known = payloads_erased(connection)
    for each in gone:
        name = tombstone(each.record)
        if name not in known:
            made = Erasure(
                digest=name,
                reason=because.reason,
                actor=because.actor,
                at_us=because.at_us,
            )
            record_erasure(connection, made)


def _entry(erased: Erased, because: Because) -> Entry:
    said = {n: v for n, v in asdict(erased).items() if n != "call_id"}
    detail = {"reason": because.reason, **said}
    return Entry(because.actor, ACTION, f"Call/{erased.call_id}", detail=detail)
