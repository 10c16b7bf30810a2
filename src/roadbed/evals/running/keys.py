"""Names of what is kept: equal ones depend on the same, and on nothing else."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from roadbed.core.digest import digest_of
from roadbed.evals.kinds import Evaluation

_IDLE = ("blocking", "budget", "concurrency", "online", "watch")
"""What an evaluation says that changes no result."""
_encode = msgspec.json.Encoder(order="deterministic").encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is evaluated, and by what; two runs of one subject show the same.

    `version` is `name@number`. `terms` is the digest of what an answer depends on
    besides the version: where its provider runs, and the terms of the endpoint.
    """

    endpoint: str
    evaluation: str
    evaluation_digest: str
    version: str
    version_digest: str
    terms: str

    def row(self) -> dict[str, str]:
        """Return the subject as columns of a row."""
        return {name: getattr(self, name) for name in type(self).__slots__}


def answer_key(of: Subject, body: Mapping[str, Any], repeat: int, take: str) -> str:
    """Return the name of the answer to *body*; *take* tells fresh draws apart."""
    return _name(of.version_digest, of.terms, body, repeat, take)


def grade_key(answer: str, case: str, grader: str) -> str:
    """Return the name of a grade: of an answer, for a case, by a grader."""
    return _name(answer, case, grader)


def grader_digest(
    name: str, config: Mapping[str, Any], version: int, asks: Mapping[str, str]
) -> str:
    """Return the name of a grader with its settings.

    *asks* maps each endpoint that it asks to the digest of what is served there.
    """
    found = {"grader": name, "config": dict(config), "version": version}
    return digest_of({**found, "asks": dict(asks)} if asks else found)


def evaluation_digest(
    spec: Evaluation, dataset: str, graders: Mapping[str, str]
) -> str:
    """Return the name of an evaluation: its spec, its cases and its graders.

    *dataset* is the digest of the golden set, *graders* are digests by their names.
    """
    whole = spec.model_dump(mode="json")
    said = {name: value for name, value in whole.items() if name not in _IDLE}
    return digest_of({"spec": said, "dataset": dataset, "graders": dict(graders)})


def _name(*parts: Any) -> str:
    return hashlib.sha256(_encode(parts)).hexdigest()
