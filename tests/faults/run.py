"""Ask through every fault, and judge."""

import logging
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from roadbed.gateway.history import CallQuery
from roadbed.testing.upstream import BEHAVIOURS
from tests.faults.judge import verdict
from tests.faults.wall import pairs, standing

AT_ONCE = 8


@dataclass(frozen=True)
class Case:
    fault: str
    provider: str
    caller: type
    stream: bool

    @property
    def endpoint(self):
        return f"{self.provider}-{self.fault}"


@dataclass(frozen=True)
class Result:
    """What one call came to; `why` says it in words."""

    fault: str
    provider: str
    caller: str
    stream: bool
    verdict: str
    why: str


class Heard(logging.Handler):
    """Errors that the server logged while it was tried."""

    def __init__(self):
        super().__init__(logging.ERROR)
        self.lines = []

    def emit(self, record):
        self.lines.append(self.format(record))


def cases(faults):
    """Return all calls to make, the same fault's far from one another."""
    return [
        Case(fault, provider, caller, stream)
        for provider, caller in pairs()
        for stream in ((False, True) if caller.streams else (False,))
        for fault in faults
    ]


def run(folder, faults=tuple(BEHAVIOURS), tick=lambda: None):
    """Return a result for each case, and what the server complained of."""
    heard = Heard()
    logging.getLogger().addHandler(heard)
    try:
        with standing(folder, faults) as line:
            return _results(line, cases(faults), tick), _complaints(line, heard)
    finally:
        logging.getLogger().removeHandler(heard)


def _results(line, todo, tick):
    callers = {c: c(line.url, line.key) for c in {case.caller for case in todo}}

    def ask(case):
        if case.fault == "stale-connection":
            callers[case.caller].ask(case.endpoint, stream=case.stream)
        seen = callers[case.caller].ask(case.endpoint, stream=case.stream)
        tick()
        return case, seen

    with ThreadPoolExecutor(AT_ONCE) as pool:
        asked = list(pool.map(ask, todo))
    for caller in callers.values():
        caller.close()
    records, by_endpoint = _records(line)
    return [_result(case, seen, records, by_endpoint, todo) for case, seen in asked]


def _result(case, seen, records, by_endpoint, todo):
    word, why = verdict(
        case.fault, seen, records.get(seen.call, []), stream=case.stream
    )
    calls = sum(one.endpoint == case.endpoint for one in todo)
    calls *= 2 if case.fault == "stale-connection" else 1
    if by_endpoint[case.endpoint] != calls and word != "fail":
        word, why = "fail", f"{by_endpoint[case.endpoint]} records of {calls} calls"
    return Result(
        fault=case.fault,
        provider=case.provider,
        caller=case.caller.name,
        stream=case.stream,
        verdict=word,
        why=why,
    )


def _records(line):
    records, by_endpoint = defaultdict(list), defaultdict(int)
    for record in line.app.calls.search(CallQuery(limit=100_000)):
        records[record.call_id].append(record)
        by_endpoint[record.endpoint] += 1
    return records, by_endpoint


def _complaints(line, heard):
    status, _, _ = line.ask("GET", "/healthz")
    sick = [] if status == 200 else [f"/healthz answers {status}"]
    return sick + heard.lines
