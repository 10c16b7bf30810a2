"""Write a version down for others: signed files, a bill of materials, a bundle."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from roadbed.audit.outbox import logged
from roadbed.control.cards import declared_of
from roadbed.control.custody import files_of
from roadbed.control.proof.prover import Prover
from roadbed.control.state import newest_revision
from roadbed.core.digest import canonical
from roadbed.core.errors import Conflict, Invalid, NotReady
from roadbed.core.reference import VersionRef
from roadbed.registry.proof import parts
from roadbed.registry.proof.bom import Facts, bom_of
from roadbed.registry.proof.bundle import Exhibit, write_bundle
from roadbed.registry.proof.envelope import public_key, to_pem
from roadbed.registry.proof.notary import find_key as find_statement_key
from roadbed.registry.proof.notary import list_keys, origins, parent_of
from roadbed.registry.proof.signature import bundle_of, manifest_of
from roadbed.registry.proof.statement import DEFINITION
from roadbed.registry.runs import Run
from roadbed.registry.versions import Registered, get_version


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """Exports one version; whoever calls it has asked for permission before."""

    prover: Prover
    version: Registered

    def key(self, log_key: str) -> str:
        """Return the public keys that verify what is exported, the log's own too."""
        with self.prover.database.read() as connection:
            keys = [public_key(jwk) for jwk in list_keys(connection)]
        return "".join(map(to_pem, keys)) + log_key.strip() + "\n"

    def signed(self, folder: Path) -> Path:
        """Write the files of the version to *folder*, and the signature beside it.

        The official `model_signing` verifies it. Raises Conflict if *folder* exists.
        """
        if folder.exists():
            raise Conflict(f"{folder} is there already", hint="name a new folder")
        files = parts.artifacts(self.version.definition)
        folder.mkdir(parents=True)
        for name, digest in files:
            target = folder / name
            if not target.resolve().is_relative_to(folder.resolve()):
                raise Invalid(f"{name!r} is no path below a folder")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self.prover.blobs.path(digest), target)
        (folder / DEFINITION).write_bytes(canonical(dict(self.version.definition)))
        named = [*files, parts.Part(DEFINITION, self.version.digest)]
        signature = folder.with_name(folder.name + ".sig")
        signature.write_text(json.dumps(self._signature(folder.name, named)))
        return signature

    def bom(self) -> dict[str, Any]:
        """Return the bill of materials, in CycloneDX."""
        with self.prover.database.read() as connection:
            run, _ = origins(connection, self.version)
            facts = Facts(
                version=self.version,
                run=run,
                model=declared_of(connection, self.version.model),
                lock=self._lock(run),
                parent=parent_of(self.version),
                datasets=_datasets(connection, run),
            )
        return bom_of(facts)

    def bundle(self, file: Path) -> None:
        """Write everything to *file* that it takes to verify the version elsewhere."""
        chain = self._chain()
        for version in chain:
            with self.prover.database.write() as connection:
                self.prover.notary.seal(connection, version)
        exhibits = [self._exhibit(version) for version in chain]
        digests = {d for v in chain for d in self._held(v)}
        digests |= {each.statement for each in exhibits}
        blobs = {d: self.prover.blobs.path(d) for d in digests if self._here(d)}
        with file.open("wb") as out:
            write_bundle(out, str(self.version), exhibits, blobs)

    def _signature(self, name: str, files: list[parts.Part]) -> dict[str, Any]:
        with self.prover.database.write() as connection:
            signed = self.prover.notary.sign(connection, manifest_of(name, files))
            jwk = find_statement_key(connection, signed.kid)
        return bundle_of(signed, public_key(jwk))

    def _chain(self) -> list[Registered]:
        """Return the version and those that it goes on from, newest first."""
        chain, named = [self.version], parent_of(self.version)
        with self.prover.database.read() as connection:
            while named is not None and str(named) not in map(str, chain):
                chain.append(get_version(connection, named))
                named = parent_of(chain[-1])
        return chain

    def _exhibit(self, version: Registered) -> Exhibit:
        resource = f"ModelVersion/{version}"
        with self.prover.database.write() as connection:
            sealed = self.prover.notary.seal(connection, version)
            [entry, *_] = logged(
                connection,
                lambda c: (c.resource == resource, c.action == "statement.sign"),
            )
        return Exhibit(
            name=str(version),
            definition=version.definition,
            statement=sealed.digest,
            proof=self._proof(entry.seq),
        )

    def _proof(self, seq: int) -> str:
        try:
            return str(self.prover.log.prove(seq))
        except NotReady:
            return ""

    def _held(self, version: Registered) -> Iterator[str]:
        """Yield the digests of what goes into a bundle: all but the data itself."""
        for part in parts.artifacts(version.definition):
            yield part.digest
        for part in parts.documents(version.definition):
            yield part.digest
        with self.prover.database.read() as connection:
            run, _ = origins(connection, version)
            for used in run.data if run else ():
                manifest, *_ = files_of(connection, used.dataset, used.number)
                yield manifest[1]
        for held in (run.code.get("patch"), run.environment.get("lock")) if run else ():
            if held:
                yield str(held)

    def _here(self, digest: str) -> bool:
        """Say whether the bytes are here; what was erased stays out of a bundle."""
        return self.prover.blobs.has(digest)

    def _lock(self, run: Run | None) -> str:
        digest = str(run.environment.get("lock") or "") if run else ""
        if not digest or not self._here(digest):
            return ""
        return b"".join(self.prover.blobs.get(digest)).decode("utf-8", "replace")


def export_of(prover: Prover, ref: VersionRef) -> Export:
    """Return what exports *ref*; raise NotFound, or Corrupt if its row was edited."""
    with prover.database.read() as connection:
        return Export(prover=prover, version=get_version(connection, ref))


def _datasets(connection: sa.Connection, run: Run | None) -> dict[str, Any]:
    """Return what is declared of each dataset that *run* read, by its name."""
    found: dict[str, Any] = {}
    for used in run.data if run else ():
        declared = newest_revision(connection, "Dataset", used.dataset)
        if declared is not None:
            found[used.dataset] = declared.content["spec"]
    return found
