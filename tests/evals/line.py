"""Calls that were made and sealed, for tests of what is learned from them."""

import json

from roadbed.adapters.history.duckdb import DuckDBHistory
from roadbed.audit.sequencer import sequence
from roadbed.core.clock import from_us
from roadbed.evals.feedback import Feedbacks
from roadbed.gateway.calls import CallLog
from roadbed.gateway.seal import Sealer
from roadbed.gateway.spool import Spool, encode, name_of
from roadbed.inference.record import Payload, commit
from roadbed.testing.history_contract import a_record

NOW_US = 1_763_632_800_000_000


class Line:
    """A call log over a folder; `now_us` is the time, and it can be moved on."""

    def __init__(self, folder, database):
        self.folder, self.database = folder, database
        self.us, self.spools = NOW_US, 0
        self.history, self.root = DuckDBHistory(), folder / "log"
        (folder / "spool").mkdir()
        self.calls = CallLog(folder / "spool", database, self.history, self.root)
        self.feedbacks = Feedbacks(database, self.now_us)
        self.sealer = Sealer(
            database=database, history=self.history, root=self.root, clock=self
        )

    def now_us(self):
        return self.us

    def now(self):
        return from_us(self.us)

    def seal(self, *calls, placed=True):
        """Write calls to a spool of their own and seal it.

        Unless it is *placed*, its entry waits for its place in the audit log.
        """
        self.spools += 1
        spool = Spool(self.folder / "spool" / name_of("host-dead", self.spools))
        spool.append([encode(*call) for call in calls])
        spool.close()
        self.sealer.seal(spool.path)
        if placed:
            sequence(self.database)
        return [record for record, _ in calls]

    def said(self, number, question, answer, **facts):
        """Return a conversation: its record, and its payload."""
        body = {"messages": [{"role": "user", "content": question}]}
        told = {"status": "ok", "text": answer, "finish": "stop"}
        return self._call(number, body, told, **facts)

    def predicted(self, number, row, outputs, **facts):
        """Return a prediction of one row."""
        known = {"kind": "predict", "dialect": "oip", "rows": 1, "num": row}
        return self._call(
            number, {"inputs": []}, {"outputs": outputs}, **known, **facts
        )

    def _call(self, number, asked, told, **facts):
        salt, texts = f"{number:064x}", (json.dumps(asked), json.dumps(told))
        known = {"ts": self.us + number, "endpoint": "bot", "dialect": "openai"}
        known |= {"kind": "llm", "status": "ok", "tenant": "default", "error": ""}
        known |= {"model": "bot@1", "rows": 0, "num": {}, "cat": {}, "prediction": {}}
        known |= facts
        record = a_record(number, payload_commit=commit(salt, *texts), **known)
        payload = Payload(
            call_id=record.call_id,
            ts=record.ts,
            tenant=record.tenant,
            endpoint=record.endpoint,
            salt=salt,
            request=texts[0],
            response=texts[1],
        )
        return record, payload
