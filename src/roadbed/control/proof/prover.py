"""Seals and verifies: what commands, requests and chores hold of proof."""

from dataclasses import dataclass

from roadbed.audit.sequencer import catch_up
from roadbed.control.proof.call import verify_call
from roadbed.control.proof.link import Verified
from roadbed.control.proof.sources import Calls, Log, Sources
from roadbed.control.proof.version import verify_version
from roadbed.core.reference import VersionRef
from roadbed.database.engine import Database
from roadbed.ports.blobs import Blobs
from roadbed.registry.proof.notary import Notary


@dataclass(frozen=True, slots=True)
class Prover:
    """The proof of one line. Blocks: it reads every byte that it speaks of."""

    database: Database
    blobs: Blobs
    log: Log
    calls: Calls
    notary: Notary

    def version(self, ref: VersionRef) -> Verified:
        """Walk all that a model version was made of, and hash every byte again."""
        return verify_version(self._sources(), ref)

    def call(self, call_id: str) -> Verified:
        """Walk all that an answer was made of, and hash every byte again."""
        return verify_call(self._sources(), call_id)

    def seal_rest(self) -> int:
        """Sign statements about the versions that have none yet; return how many."""
        return self.notary.seal_rest(self.database)

    def _sources(self) -> Sources:
        catch_up(self.database)
        return Sources(
            database=self.database, blobs=self.blobs, log=self.log, calls=self.calls
        )
