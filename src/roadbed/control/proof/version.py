"""Verify a model version: what it is, who says so, and all that it was made of."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from roadbed.audit.outbox import logged
from roadbed.control.custody import files_of
from roadbed.control.proof.link import Link, Verified
from roadbed.control.proof.sources import Sources, broken, erased_in
from roadbed.core.errors import Corrupt, RoadbedError
from roadbed.core.reference import VersionRef, parse
from roadbed.data.tables import dataset_versions
from roadbed.registry.approvals import list_approvals
from roadbed.registry.proof import parts
from roadbed.registry.proof.envelope import Envelope, public_key
from roadbed.registry.proof.notary import (
    Sealed,
    find_key,
    find_sealed,
    origins,
    parent_of,
    run_of,
)
from roadbed.registry.proof.statement import differences, statement_of
from roadbed.registry.proof.tables import statement_keys, statements
from roadbed.registry.runs import Run, get_run
from roadbed.registry.tables import approvals, model_versions, runs
from roadbed.registry.versions import Registered, get_version


def verify_version(sources: Sources, ref: VersionRef) -> Verified:
    """Return how the chain of *ref* stands, every byte of it hashed again.

    Raises NotFound if there is no such version.
    """
    with sources.database.read() as connection:
        with suppress(Corrupt):  # The walk says what is wrong with it.
            get_version(connection, ref)
        erased = erased_in(connection)
    walk = Walk(replace(sources, erased=erased))
    return Verified(subject=str(ref), links=tuple(walk.version(ref)))


class Walk:
    """A walk to the sources of versions; nothing is walked twice."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._walked: set[str] = set()

    def version(self, ref: VersionRef) -> Iterator[Link]:
        """Yield the hops of *ref*: itself, its statement, its parts, its origins."""
        if not self._first(f"model {ref}"):
            return
        link = _of(ref, "Model version", str(ref))
        try:
            with self._sources.database.read() as connection:
                version = get_version(connection, ref)
        except RoadbedError as error:
            yield broken(link, error)
            return
        key = {"model": version.model, "number": version.number}
        link = replace(link, digest=version.digest)
        yield self._sources.row(link, model_versions, **key)
        yield from self._approvals(version, ref)
        yield self._statement(version, ref)
        yield from self._parts(version, ref)
        yield from self._run(run_of(version))
        if (parent := parent_of(version)) is not None:
            yield from self.version(parent)

    def _approvals(self, version: Registered, ref: VersionRef) -> Iterator[Link]:
        key = {"model": version.model, "number": version.number}
        with self._sources.database.read() as connection:
            found = list_approvals(connection, ref)
        for approval in found:
            link = _of(ref, "Approval", f"{version} by {approval.approver}")
            if approval.digest != version.digest:
                yield replace(link, state="BROKEN", reason="of another definition")
                continue
            who = approval.approver
            yield self._sources.row(link, approvals, **key, approver=who)

    def _statement(self, version: Registered, ref: VersionRef) -> Link:
        link = _of(ref, "Statement", str(version))
        with self._sources.database.read() as connection:
            sealed = find_sealed(connection, version.model, version.number)
            said = _said(connection, ref)
        if sealed is None and said:
            reason = f"audit entry {said} says that one was signed; it is gone"
            return replace(link, state="BROKEN", reason=reason)
        if sealed is None:
            reason = "nothing was signed about it yet; a running server does so"
            return replace(link, state="UNSEALED", reason=reason)
        link = self._sources.blob(link.kind, link.name, sealed.digest, link.owner)
        if link.state != "VERIFIED":
            return link
        key = {"model": version.model, "number": version.number}
        link = self._sources.row(link, statements, **key)
        if link.state == "BROKEN":
            return link
        reason = self._unsaid(version, sealed)
        return replace(link, state="BROKEN", reason=reason) if reason else link

    def _unsaid(self, version: Registered, sealed: Sealed) -> str:
        """Say why the statement of *version* is not to be believed, if it is not."""
        try:
            envelope = Envelope.read(b"".join(self._sources.blobs.get(sealed.digest)))
            with self._sources.database.read() as connection:
                key = public_key(find_key(connection, sealed.kid))
                expected = statement_of(version, *origins(connection, version))
        except RoadbedError as error:
            return error.message
        vouched = self._sources.row(
            Link(kind="", name="", state="VERIFIED"), statement_keys, kid=sealed.kid
        )
        if vouched.state == "BROKEN":
            return vouched.reason
        if not envelope.signed_by(key):
            return f"it is not signed by the key {sealed.kid}"
        return "; ".join(differences(envelope.statement, expected))

    def _parts(self, version: Registered, ref: VersionRef) -> Iterator[Link]:
        owner = f"Model/{ref.name}"
        for part in parts.artifacts(version.definition):
            name = f"{version} {part.name}"
            yield self._sources.blob("Artifact", name, part.digest, owner)
        for part in parts.documents(version.definition):
            yield self._sources.blob("Document", part.name, part.digest, owner)
        hosted = version.definition.get("hosted")
        if hosted is not None:
            name = f"{hosted.get('provider')}/{hosted.get('upstream')}"
            reason = "its provider keeps it: it is pinned by name, not by bytes"
            link = _of(ref, "Upstream", name)
            yield replace(link, state="UNSEALED", reason=reason)

    def _run(self, run_id: str) -> Iterator[Link]:
        """Yield the hops of a run: its record, its code, and all that it read."""
        if not run_id or not self._first(f"run {run_id}"):
            return
        link = Link(kind="Run", name=run_id, state="VERIFIED", owner=f"Run/{run_id}")
        try:
            with self._sources.database.read() as connection:
                run = get_run(connection, run_id)
        except RoadbedError as error:
            yield broken(link, error)
            return
        yield self._sources.row(replace(link, digest=run.digest), runs, id=run.id)
        yield _code(run)
        yield from self._kept(run, link.owner)
        for used in run.data:
            ref = VersionRef(used.dataset, used.number)
            yield from self._dataset(ref, used.digest)

    def _kept(self, run: Run, owner: str) -> Iterator[Link]:
        for kind, held in (
            ("Patch", run.code.get("patch")),
            ("Environment lock", run.environment.get("lock")),
        ):
            if held:
                yield self._sources.blob(kind, f"of run {run.id}", str(held), owner)

    def _dataset(self, ref: VersionRef, read: str = "") -> Iterator[Link]:
        """Yield the hops of a dataset version, and of what it was made of itself.

        *read* is the digest of what a run says that it read.
        """
        if not self._first(f"dataset {ref}"):
            return
        found, files = self._row_and_files(ref)
        digest = files[0][1] if files else ""
        link = Link(
            kind="Dataset version",
            name=str(ref),
            digest=read or digest,
            state="VERIFIED",
            owner=f"Dataset/{ref.name}",
        )
        key = {"name": ref.name, "number": ref.number}
        link = self._sources.row(link, dataset_versions, **key)
        if digest and read and digest != read:
            reason = f"the run read {read}, but it is {digest}"
            link = replace(link, state="BROKEN", reason=reason)
        yield link
        for at, (what, blob) in enumerate(files):
            name = f"{ref} {at} of {len(files) - 1}" if at else str(ref)
            yield self._sources.blob(what.capitalize(), name, blob, link.owner)
        if link.state == "BROKEN":
            return  # Where it says that it came from is not to be believed.
        for parent in found.get("parents") or ():
            yield from self._dataset(parse(parent))
        yield from self._run(found.get("run_id") or "")

    def _row_and_files(
        self, ref: VersionRef
    ) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        table = dataset_versions
        query = sa.select(table.c.parents, table.c.run_id).where(
            table.c.name == ref.name, table.c.number == ref.number
        )
        with self._sources.database.read() as connection:
            row = connection.execute(query).mappings().first()
            found = {**row} if row else {}
            return found, files_of(connection, ref.name, ref.number)

    def _first(self, name: str) -> bool:
        """Say whether this is the first time that one comes by *name*."""
        known = name in self._walked
        self._walked.add(name)
        return not known


def _code(run: Run) -> Link:
    """Return the code of a run as a hop: its commit is on record, or it is not."""
    commit = str(run.code.get("commit") or "")
    name = commit or f"of run {run.id}"
    lost = len(run.code.get("untracked") or ())
    reason = "" if commit else "there was no commit to record"
    if commit and lost:
        reason = f"{lost} files were in no commit, and were not kept"
    return Link(
        kind="Code",
        name=name,
        state="UNSEALED" if reason else "VERIFIED",
        reason=reason,
        owner=f"Run/{run.id}",
    )


def _said(connection: sa.Connection, ref: VersionRef) -> int:
    """Return the number of the audit entry of a statement about *ref*, 0 if none."""
    resource = f"ModelVersion/{ref}"
    found = logged(
        connection, lambda c: (c.resource == resource, c.action == "statement.sign")
    )
    return found[0].seq if found else 0


def _of(ref: VersionRef, kind: str, name: str) -> Link:
    return Link(kind=kind, name=name, state="VERIFIED", owner=f"Model/{ref.name}")
