"""Which dataset version a file holds: by its bytes, wherever it lies."""

from collections.abc import Iterable

import sqlalchemy as sa

from roadbed.core.reference import VersionRef
from roadbed.data.tables import dataset_files, dataset_versions
from roadbed.database.upsert import upsert


def note(connection: sa.Connection, ref: VersionRef, digest: str, size: int) -> None:
    """Remember that *ref* was made of a file with these bytes."""
    row = {"digest": digest, "name": ref.name, "number": ref.number, "bytes": size}
    upsert(connection, dataset_files, [row])


def sizes(connection: sa.Connection) -> frozenset[int]:
    """Return how long the files are that versions were made of."""
    query = sa.select(dataset_files.c.bytes).distinct()
    return frozenset(connection.execute(query).scalars())


def of_files(
    connection: sa.Connection, digests: Iterable[str]
) -> dict[VersionRef, str]:
    """Return the versions that were made of files with these digests, and theirs."""
    query = (
        sa.select(dataset_versions)
        .join(
            dataset_files,
            (dataset_files.c.name == dataset_versions.c.name)
            & (dataset_files.c.number == dataset_versions.c.number),
        )
        .where(dataset_files.c.digest.in_(list(digests)))
    )
    return {
        VersionRef(row.name, row.number): row.digest
        for row in connection.execute(query)
    }


def of_objects(
    connection: sa.Connection, digests: Iterable[str]
) -> dict[VersionRef, str]:
    """Return the versions that hold any of these objects, and their digests."""
    wanted = set(digests)
    if not wanted:
        return {}
    found = {}
    for row in connection.execute(sa.select(dataset_versions)):
        if any(item["digest"] in wanted for item in row.manifest.get("objects", ())):
            found[VersionRef(row.name, row.number)] = row.digest
    return found
