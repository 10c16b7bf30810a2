"""Twenty-five pains that other gateways cause, and the test of ours for each.

A test joins a pain by naming it in its docstring ("Pain 9: …", "Pains 2, 3: …"), or by
being named here. What has no test yet says why.
"""

import ast
import re
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

PAINS = {
    1: "memory grows until the process is killed",
    2: "the job that deletes old calls kills the server",
    3: "the call log outgrows the database",
    4: "calls at the same time overshoot a budget together",
    5: "a side door leads around the budget",
    6: "a budget blocks who has none, or what costs nothing",
    7: "usage is lost when the caller leaves",
    8: "records are lost when the server stops",
    9: "a cut answer is reported as a success",
    10: "no fallback happens when a stream fails",
    11: "a fallback hides the first cause",
    12: "retries multiply",
    13: "a retry is billed twice",
    14: "Retry-After is dropped, or not kept to",
    15: "a silent upstream is waited for without end",
    16: "an idle stream is cut by what lies between",
    17: "cached tokens are priced wrong",
    18: "calls of tools lose arguments in translation",
    19: "rate limits are not shared, or counted wrong",
    20: "other replicas go on with old keys and settings",
    21: "a slow side store takes everything down",
    22: "an upgrade breaks the database, or eats it",
    23: "secrets get into logs, errors and audit",
    24: "a cache answers another tenant",
    25: "the gateway itself is the hole: packages, headers, doors",
}
NAMED = {
    8: (
        "tests/acceptance/test_kill.py::test_every_acknowledged_call_is_in_the_log_once",
        "tests/acceptance/test_kill.py::test_a_calm_stop_leaves_no_spool_behind",
        "tests/durability/test_kill.py::test_every_acknowledged_call_is_in_the_log_once",
    ),
    9: (
        "tests/server/test_forward.py::test_a_stream_that_breaks_off_is_an_error_on_record",
        "src/roadbed/testing/provider_contract.py::test_a_cut_answer_is_never_finished",
    ),
    14: ("tests/server/test_forward.py::test_the_upstreams_patience_is_passed_on",),
    15: (
        "src/roadbed/testing/provider_contract.py::test_silence_ends_at_the_deadline",
        "tests/transport/test_limits.py::test_an_upstream_that_always_has_more_meets_the_deadline",
    ),
    20: (
        "tests/server/test_oauth.py::test_a_revoked_token_is_refused_on_every_route_within_a_second",
        "tests/server/test_reload.py::test_a_change_is_visible_within_a_second_and_nobody_fails",
    ),
    22: (
        "tests/database/test_migrate.py::test_a_database_of_a_later_version_is_refused",
        "tests/database/test_migrate.py::test_tables_of_others_are_left_alone",
        "tests/database/test_migrate.py::test_migrating_twice_changes_nothing",
    ),
    23: (
        "tests/abuse/test_secrets.py::test_no_secret_is_in_anything_that_was_said",
        "tests/abuse/test_secrets.py::test_no_secret_is_in_anything_that_is_kept",
    ),
    25: (
        "tests/abuse/test_tokens.py::test_whatever_stands_in_the_authorization_header_opens_nothing",
        "tests/abuse/test_tokens.py::test_tokens_that_begin_alike_are_never_mistaken_for_each_other",
        "tests/abuse/test_tenants.py::test_a_stranger_is_told_401_everywhere",
        "tests/abuse/test_supply.py::test_every_package_is_locked_with_its_hashes",
    ),
}
WAITING = {
    4: "budgets are being built",
    5: "budgets are being built",
    6: "budgets are being built",
    7: "draining after a disconnect is being built",
    10: "fallbacks are being built",
    11: "fallbacks are being built",
    12: "retries are being built",
    13: "retries are being built",
    16: "heartbeats are being built",
    17: "prices are being built",
    18: "translation between dialects is being built",
    19: "rate limits are being built",
    24: "the cache is being built",
}
"""Why a pain may have no test yet. A line goes when its tests have come."""


@cache
def found_in(path):
    """Return name and docstring of each test in *path*."""
    found = {}
    for node in ast.walk(ast.parse(path.read_text())):
        is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if is_function and node.name.startswith("test_"):
            found[node.name] = ast.get_docstring(node) or ""
    return found


@cache
def proofs():
    """Return the tests of each pain, as `path::name`."""
    found = defaultdict(set)
    for path in sorted(Path("tests").rglob("test_*.py")):
        for name, said in found_in(path).items():
            for numbers in re.findall(r"\bPains? (\d+(?:(?:,| and) \d+)*)", said):
                for number in re.findall(r"\d+", numbers):
                    found[int(number)].add(f"{path}::{name}")
    for number, tests in NAMED.items():
        found[number].update(tests)
    return found


def test_there_are_twenty_five():
    assert list(PAINS) == list(range(1, 26))
    assert set(NAMED) | set(WAITING) | set(proofs()) <= set(PAINS)


@pytest.mark.parametrize("number", PAINS)
def test_each_pain_has_a_test_or_a_reason(number):
    assert proofs()[number] or WAITING.get(number), PAINS[number]


@pytest.mark.parametrize("number", NAMED)
def test_each_test_that_is_named_is_there(number):
    for test in NAMED[number]:
        path, _, name = test.partition("::")
        assert name in found_in(Path(path)), test


def test_numbers_in_docstrings_are_found():
    assert "tests/gateway/test_row_size.py::" in "".join(proofs()[3])
    assert len(proofs()[14]) >= 2
