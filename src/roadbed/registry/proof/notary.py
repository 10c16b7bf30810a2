"""Signs a statement of each version, in the transaction that makes it."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import sqlalchemy as sa

from roadbed.audit.entry import Entry
from roadbed.audit.log import append, hold
from roadbed.core.actor import SYSTEM
from roadbed.core.clock import Clock, to_us
from roadbed.core.digest import canonical, digest_of
from roadbed.core.errors import NotFound, RoadbedError
from roadbed.core.reference import VersionRef, parse
from roadbed.database.engine import Database
from roadbed.ports.blobs import Blobs
from roadbed.ports.signers import Signers
from roadbed.registry.proof.envelope import IN_TOTO, Envelope, pae, to_der
from roadbed.registry.proof.parts import body_of
from roadbed.registry.proof.statement import statement_of
from roadbed.registry.proof.tables import statement_keys, statements
from roadbed.registry.runs import Run, get_run
from roadbed.registry.tables import model_versions
from roadbed.registry.versions import Registered, get_version

_log = logging.getLogger(__name__)
_AT_ONCE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """The statement of a version: the digest of its envelope, and whose key signed."""

    model: str
    number: int
    digest: str
    kid: str
    created_us: int


class Notary:
    """Signs with the newest statement key that this replica holds; makes one if none.

    A private key never leaves *signers*. Blocks.
    """

    def __init__(self, blobs: Blobs, signers: Signers, clock: Clock) -> None:
        self._blobs = blobs
        self._signers = signers
        self._clock = clock

    def __call__(self, connection: sa.Connection, version: Registered) -> None:
        """Seal a version that is being made, within its transaction.

        Where the key cannot sign just now the version is made all the same: it is
        unsealed until `seal_rest` comes by.
        """
        try:
            self.seal(connection, version)
        except RoadbedError as error:
            _log.warning("%s is not sealed yet: %s", version, error.message)

    def seal(self, connection: sa.Connection, version: Registered) -> Sealed:
        """Return the statement of *version*, signed now if there is none."""
        hold(connection)
        known = find_sealed(connection, version.model, version.number)
        if known is not None:
            return known
        run, parents = origins(connection, version)
        signed = self.sign(connection, statement_of(version, run, parents))
        made = Sealed(
            model=version.model,
            number=version.number,
            digest=self._blobs.put([signed.data()]),
            kid=signed.kid,
            created_us=to_us(self._clock.now()),
        )
        connection.execute(statements.insert().values(_row(made)))
        append(connection, made.created_us, _entry(made, version))
        return made

    def sign(
        self, connection: sa.Connection, statement: dict[str, Any], kind: str = IN_TOTO
    ) -> Envelope:
        """Return *statement* in an envelope that this line's own key signed."""
        payload, kid = canonical(statement), self._key(connection)
        signature = to_der(self._signers.sign(kid, pae(kind, payload)))
        return Envelope(payload=payload, kid=kid, signature=signature, kind=kind)

    def seal_rest(self, database: Database) -> int:
        """Seal versions that are not; return how many were sealed.

        A few at a time, each in a transaction of its own. What cannot be sealed, such
        as a version whose row was edited, is passed over: verification names it.
        """
        with database.read() as connection:
            waiting = _unsealed(connection)
        sealed = 0
        for ref in waiting:
            try:
                with database.write() as connection:
                    self.seal(connection, get_version(connection, ref))
            except RoadbedError as error:
                _log.warning("%s is not sealed yet: %s", ref, error.message)
                continue
            sealed += 1
        return sealed

    def rotate(self, database: Database, actor: str) -> str:
        """Make a new key, which signs from now on, and return its name.

        The private keys that this replica held are destroyed. Their public halves stay,
        so that what they signed is verified as before.
        """
        with database.write() as connection:
            hold(connection)
            known = [row.kid for row in connection.execute(_newest_keys())]
            made = self._make(connection, actor)
        for kid in known:
            if self._signers.holds(kid):
                self._signers.forget(kid)
        return made

    def _key(self, connection: sa.Connection) -> str:
        for row in connection.execute(_newest_keys()):
            if self._signers.holds(row.kid):
                return row.kid
        return self._make(connection, str(SYSTEM))

    def _make(self, connection: sa.Connection, actor: str) -> str:
        jwk = dict(self._signers.create())
        kid, now_us = str(jwk["kid"]), to_us(self._clock.now())
        connection.execute(
            statement_keys.insert().values(kid=kid, jwk=jwk, created_us=now_us)
        )
        entry = Entry(
            actor,
            "statement-key.create",
            f"StatementKey/{kid}",
            detail={"digest": digest_of(jwk)},
        )
        append(connection, now_us, entry)
        return kid


class Seals(Protocol):
    """What a version that is being made is shown to: a Notary."""

    def __call__(self, connection: sa.Connection, version: Registered) -> None:
        """Seal *version*."""
        ...


def find_sealed(connection: sa.Connection, model: str, number: int) -> Sealed | None:
    """Return the statement of a version, None while it is unsealed."""
    query = sa.select(statements).where(
        statements.c.model == model, statements.c.number == number
    )
    row = connection.execute(query).mappings().first()
    return None if row is None else Sealed(**row)


def find_key(connection: sa.Connection, kid: str) -> dict[str, Any]:
    """Return the public half of a statement key, as a JWK; raise NotFound."""
    query = sa.select(statement_keys.c.jwk).where(statement_keys.c.kid == kid)
    jwk = connection.execute(query).scalar()
    if not isinstance(jwk, dict):
        raise NotFound(f"no statement key of this line is called {kid[:60]!r}")
    return jwk


def list_keys(connection: sa.Connection) -> list[dict[str, Any]]:
    """Return the public halves of all statement keys as JWKs, newest first."""
    return [row.jwk for row in connection.execute(_newest_keys())]


def origins(
    connection: sa.Connection, version: Registered
) -> tuple[Run | None, Sequence[Registered]]:
    """Return the run that made *version*, and the versions that it goes on from.

    The definition has the last word on which these are. Raises NotFound.
    """
    run_id = run_of(version)
    named = parent_of(version)
    run = get_run(connection, run_id) if run_id else None
    return run, [] if named is None else [get_version(connection, named)]


def run_of(version: Registered) -> str:
    """Return the id of the run that made *version*, empty if none did.

    The definition has the last word: it is what the digest of the version is of.
    """
    return str(body_of(version.definition).get("run") or version.run_id or "")


def parent_of(version: Registered) -> VersionRef | None:
    """Return the version that *version* goes on from, if it says so."""
    named = str(body_of(version.definition).get("parent") or "")
    return parse(named) if named else None


def _unsealed(connection: sa.Connection) -> list[VersionRef]:
    table, have = model_versions, statements
    same = (have.c.model == table.c.model) & (have.c.number == table.c.number)
    query = (
        sa.select(table.c.model, table.c.number)
        .outerjoin(have, same)
        .where(have.c.model.is_(None))
        .order_by(table.c.created_us, table.c.model, table.c.number)
        .limit(_AT_ONCE)
    )
    return [VersionRef(model, number) for model, number in connection.execute(query)]


def _newest_keys() -> sa.Select[Any]:
    table = statement_keys
    return sa.select(table).order_by(table.c.created_us.desc(), table.c.kid)


def _entry(made: Sealed, version: Registered) -> Entry:
    return Entry(
        str(SYSTEM),
        "statement.sign",
        f"ModelVersion/{version}",
        detail={"statement": made.digest, "key": made.kid, "digest": version.digest},
    )


def _row(made: Sealed) -> dict[str, Any]:
    return {name: getattr(made, name) for name in Sealed.__dataclass_fields__}
