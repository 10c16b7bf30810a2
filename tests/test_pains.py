"""Twenty-five pains that other gateways cause, and the test of ours for each.

A test joins a pain by naming it in its docstring ("Pain 9: …", "Pains 2, 3: …"), or by
being named here. PARTLY says of which one something has no test yet, and why.
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
    4: (
        "tests/gateway/money/test_lease.py::test_exactly_as_many_as_fit_are_admitted",
        "tests/gateway/money/test_budgets.py::test_as_many_callers_as_fit_are_admitted_on_one_replica",
        "tests/gateway/money/test_budgets.py::test_as_many_callers_as_fit_are_admitted_on_four_replicas",
        "tests/gateway/money/test_budgets.py::test_what_was_held_and_not_used_is_there_for_the_next",
        "tests/abuse/test_money.py::test_a_burst_cannot_overspend_a_budget",
    ),
    5: (
        "tests/abuse/test_money.py::test_no_credential_is_exempt_on_any_route",
        "tests/gateway/attempts/test_promises.py::test_every_attempt_is_paid_for_exactly_once",
    ),
    6: (
        "tests/gateway/money/test_budgets.py::test_who_has_no_budget_and_what_costs_nothing_is_never_refused",
        "tests/abuse/test_money.py::test_whoever_a_budget_is_not_about_is_never_refused",
        "tests/abuse/test_money.py::test_what_costs_nothing_passes_when_the_budget_is_spent",
    ),
    7: (
        "tests/server/test_disconnect.py::test_leaving_at_any_byte_leaves_exactly_one_priced_record",
        "tests/server/test_disconnect.py::test_a_drained_upstream_is_read_to_its_end",
        "tests/gateway/attempts/test_promises.py::test_every_attempt_is_paid_for_exactly_once",
    ),
    8: (
        "tests/acceptance/test_kill.py::test_every_acknowledged_call_is_in_the_log_once",
        "tests/acceptance/test_kill.py::test_a_calm_stop_leaves_no_spool_behind",
        "tests/durability/test_kill.py::test_every_acknowledged_call_is_in_the_log_once",
    ),
    9: (
        "tests/server/test_forward.py::test_a_stream_that_breaks_off_is_an_error_on_record",
        "src/roadbed/testing/provider_contract.py::test_a_cut_answer_is_never_finished",
        "tests/dialects/test_pairs.py::test_no_stream_that_was_cut_is_finished",
    ),
    13: (
        "tests/server/test_idempotency.py::test_two_replicas_give_one_answer_to_one_key",
        "tests/server/test_idempotency.py::test_a_replay_says_so_and_costs_nothing",
        "tests/gateway/reuse/test_idempotent.py::test_what_may_have_been_paid_for_is_told_again",
        "tests/gateway/reuse/test_keys.py::test_of_many_at_once_exactly_one_gets_the_key",
    ),
    14: ("tests/server/test_forward.py::test_the_upstreams_patience_is_passed_on",),
    15: (
        "src/roadbed/testing/provider_contract.py::test_silence_ends_at_the_deadline",
        "tests/transport/test_limits.py::test_an_upstream_that_always_has_more_meets_the_deadline",
    ),
    16: (
        "tests/server/test_heartbeat.py::test_heartbeats_flow_before_between_and_after_the_words",
        "tests/server/test_heartbeat.py::test_an_error_after_an_early_200_is_told_in_the_stream",
    ),
    17: (
        "tests/gateway/money/test_prices.py::test_what_we_charge_is_what_the_library_says",
        "tests/gateway/money/test_prices.py::test_an_invoice_of_openai_with_cached_tokens",
        "tests/gateway/money/test_prices.py::test_an_invoice_of_anthropic_with_cache_writes",
        "tests/dialects/test_pairs.py::test_a_stream_and_a_whole_answer_are_counted_alike",
    ),
    18: (
        "tests/dialects/test_pairs.py::test_a_stream_and_a_whole_answer_are_heard_alike",
        "tests/dialects/test_pairs.py::test_pieces_of_the_inner_form_are_heard_alike_streamed_and_whole",
    ),
    19: (
        "tests/gateway/money/test_limits.py::test_the_parts_of_a_limit_are_the_limit",
        "tests/gateway/money/test_limits.py::test_a_limit_holds_on_all_replicas_together",
        "tests/gateway/money/test_limits.py::test_no_minute_ever_has_more_than_the_limit",
        "tests/gateway/money/test_limits.py::test_input_tokens_are_reckoned_and_then_set_right",
        "tests/gateway/money/test_limits.py::test_output_tokens_count_once_they_are_known",
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
    24: (
        "tests/gateway/reuse/test_cached.py::test_a_caller_of_another_tenant_never_has_the_answer",
        "tests/gateway/reuse/test_cached.py::test_other_policies_have_other_answers",
        "tests/gateway/reuse/test_cached.py::test_no_two_tenants_share_a_key",
        "tests/gateway/reuse/test_flight.py::test_those_of_another_form_or_tenant_are_asked_for_apart",
        "tests/server/test_reuse.py::test_the_probe_of_another_tenant_is_as_if_nobody_had_asked",
    ),
    25: (
        "tests/abuse/test_tokens.py::test_whatever_stands_in_the_authorization_header_opens_nothing",
        "tests/abuse/test_tokens.py::test_tokens_that_begin_alike_are_never_mistaken_for_each_other",
        "tests/abuse/test_tenants.py::test_a_stranger_is_told_401_everywhere",
        "tests/abuse/test_supply.py::test_every_package_is_locked_with_its_hashes",
    ),
}
PARTLY = {
    22: "an upgrade under live traffic needs a release before this one; there is none",
}
"""What of a pain has no test yet, and why."""


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
    assert set(NAMED) | set(PARTLY) | set(proofs()) <= set(PAINS)


@pytest.mark.parametrize("number", PAINS)
def test_each_pain_has_a_test(number):
    assert proofs()[number], PAINS[number]


@pytest.mark.parametrize("number", NAMED)
def test_each_test_that_is_named_is_there(number):
    for test in NAMED[number]:
        path, _, name = test.partition("::")
        assert name in found_in(Path(path)), test


def test_numbers_in_docstrings_are_found():
    assert "tests/gateway/test_row_size.py::" in "".join(proofs()[3])
    assert len(proofs()[14]) >= 2
