"""Verify a bundle with nothing but the file and a public key."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from roadbed.audit.note import Verifier, read_verifier
from roadbed.audit.proof import EntryProof
from roadbed.control.proof.link import Link, Verified
from roadbed.core.digest import PREFIX, digest_of
from roadbed.core.errors import Invalid
from roadbed.registry.proof import parts
from roadbed.registry.proof.bundle import Exhibit, Opened
from roadbed.registry.proof.envelope import Envelope, from_pem
from roadbed.registry.proof.statement import DEFINITION, PROVENANCE, STATEMENT

_PEM = re.compile(r"-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----", re.DOTALL)
_PARENT, _DATASET = "parent ", "dataset "


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Whom one trusts: keys that sign statements, and keys of audit logs, if any."""

    statements: tuple[ec.EllipticCurvePublicKey, ...]
    logs: tuple[Verifier, ...] = ()


def read_keys(text: str) -> Keys:
    """Return the keys in *text*: PEM, and lines of logs; raise Invalid if none."""
    found = tuple(from_pem(block) for block in _PEM.findall(text))
    rest = _PEM.sub("", text).splitlines()
    logs = tuple(read_verifier(line) for line in rest if line.strip())
    if not found:
        raise Invalid(
            "there is no public key that could have signed a statement",
            hint="`roadbed model export NAME@N FILE --format key` writes it",
        )
    return Keys(statements=found, logs=logs)


def verify_bundle(opened: Opened, keys: Keys) -> Verified:
    """Return how the chain in a bundle stands for who trusts *keys*."""
    links = _Offline(opened, keys).version(opened.subject)
    return Verified(subject=opened.subject, links=tuple(links))


class _Offline:
    def __init__(self, opened: Opened, keys: Keys) -> None:
        self._opened = opened
        self._keys = keys
        self._seen: set[str] = set()

    def version(self, name: str, digest: str = "") -> Iterator[Link]:
        """Yield the hops of a version; *digest* is what it must have, if given."""
        if name in self._seen:
            return
        self._seen.add(name)
        link = Link(kind="Model version", name=name, state="VERIFIED", digest=digest)
        exhibit = self._opened.exhibits.get(name)
        if exhibit is None:
            yield replace(link, state="UNSEALED", reason="it is not in this bundle")
            return
        actual = digest_of(dict(exhibit.definition))
        link = replace(link, digest=actual)
        if digest and digest != actual:
            link = replace(link, state="BROKEN", reason=f"{digest} was stated")
        yield link
        yield from self._statement(exhibit, actual)

    def _statement(self, exhibit: Exhibit, digest: str) -> Iterator[Link]:
        link = Link(
            kind="Statement",
            name=exhibit.name,
            state="VERIFIED",
            digest=exhibit.statement,
        )
        if not exhibit.statement:
            yield replace(link, state="UNSEALED", reason="nothing was signed about it")
            return
        data = self._opened.kept.get(exhibit.statement)
        if data is None:
            reason = "its envelope is missing, or is not what was written"
            yield replace(link, state="BROKEN", reason=reason)
            return
        try:
            envelope = Envelope.read(data)
        except Invalid as error:
            yield replace(link, state="BROKEN", reason=error.message)
            return
        if reason := self._unsaid(envelope, exhibit, digest):
            yield replace(link, state="BROKEN", reason=reason)
            return
        yield link
        yield self._logged(exhibit)
        yield from self._subjects(exhibit, envelope.statement)
        yield from self._materials(exhibit, envelope.statement)

    def _unsaid(self, envelope: Envelope, exhibit: Exhibit, digest: str) -> str:
        """Say why *envelope* is not to be believed, if it is not."""
        if not any(envelope.signed_by(key) for key in self._keys.statements):
            return "it is not signed by a key that was given"
        said = envelope.statement
        if (said.get("_type"), said.get("predicateType")) != (STATEMENT, PROVENANCE):
            return "it is no provenance of the kind that is written here"
        wanted = _at(said, "predicate", "buildDefinition", "externalParameters")
        if f"{_at(wanted, 'model')}@{_at(wanted, 'version')}" != exhibit.name:
            return "it speaks of another version"
        stated = {(x["name"], _digest(x)) for x in _each(said.get("subject"))}
        expected = {*map(tuple, parts.artifacts(exhibit.definition))}
        if stated != {*expected, (DEFINITION, digest)}:
            return "its subjects are not the artifacts of the version"
        return ""

    def _logged(self, exhibit: Exhibit) -> Link:
        """Return the audit entry that names the envelope, as a hop."""
        link = Link(kind="Audit entry", name=exhibit.name, state="VERIFIED")
        if not exhibit.proof:
            return replace(link, state="UNSEALED", reason="no proof is in this bundle")
        if not self._keys.logs:
            return replace(link, state="UNSEALED", reason="no key of a log was given")
        try:
            proof = EntryProof.read(exhibit.proof)
        except Invalid as error:
            return replace(link, state="BROKEN", reason=error.message)
        findings = proof.findings(list(self._keys.logs))
        if _at(proof.entry, "detail", "statement") != exhibit.statement:
            findings.append("the audit entry speaks of another statement")
        if findings:
            return replace(link, state="BROKEN", reason="; ".join(findings))
        return replace(link, name=f"entry {proof.index + 1}")

    def _subjects(self, exhibit: Exhibit, said: Mapping[str, Any]) -> Iterator[Link]:
        for item in _each(said.get("subject")):
            if item["name"] != DEFINITION:
                name = f"{exhibit.name} {item['name']}"
                yield self._blob("Artifact", name, _digest(item))

    def _materials(self, exhibit: Exhibit, said: Mapping[str, Any]) -> Iterator[Link]:
        build = _at(said, "predicate", "buildDefinition", "resolvedDependencies")
        for item in _each(build):
            name, digest = str(item["name"]), _digest(item)
            if name.startswith(_PARENT):
                yield from self.version(name.removeprefix(_PARENT), digest)
            elif name.startswith(_DATASET):
                yield from self._dataset(name.removeprefix(_DATASET), digest)
            elif digest:
                yield self._blob("Material", name, digest)
            else:
                reason = "it is known by name, and not by its bytes"
                yield Link(kind="Material", name=name, state="UNSEALED", reason=reason)

    def _dataset(self, name: str, digest: str) -> Iterator[Link]:
        manifest = self._blob("Manifest", name, digest)
        yield manifest
        try:
            objects = _each(json.loads(self._opened.kept.get(digest, b"{}"))["objects"])
        except (KeyError, TypeError, ValueError):
            objects = []
        found = [str(_at(item, "digest")) for item in objects]
        lacking = [each for each in found if each not in self._opened.held]
        if lacking and manifest.state == "VERIFIED":
            reason = f"{len(lacking)} of its files are not in this bundle"
            yield Link(kind="Data", name=name, state="UNSEALED", reason=reason)

    def _blob(self, kind: str, name: str, digest: str) -> Link:
        link = Link(kind=kind, name=name, digest=digest, state="VERIFIED")
        if digest in self._opened.false:
            return replace(link, state="BROKEN", reason="is not what was written")
        if digest not in self._opened.held:
            return replace(link, state="UNSEALED", reason="it is not in this bundle")
        return link


def _digest(item: Mapping[str, Any]) -> str:
    found = _at(item, "digest", "sha256")
    return f"{PREFIX}{found}" if found else ""


def _each(items: Any) -> list[Mapping[str, Any]]:
    """Return those of *items* that are objects and have a name or a digest."""
    found = items if isinstance(items, list) else []
    return [x for x in found if isinstance(x, Mapping) and {"name", "digest"} & {*x}]


def _at(value: Any, *names: str) -> Any:
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
