"""The numbers for a scraper: what they count, and that their labels are bounded."""

import re

from roadbed.core.errors import TimedOut
from roadbed.inference.call import Attempt, Outcome, Usage
from roadbed.server.metrics import MAX_ENDPOINTS, Metrics
from tests.inference.calls import a_call, deployment


def counted(*ends, tenant="default"):
    """Return the values of a scrape after these calls ended so."""
    metrics = Metrics()
    for call, outcome in ends:
        metrics.count(call, outcome, 0.2)
    lines = metrics.text({}, tenant).splitlines()
    return dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))


def called(*attempts, **outcome):
    call = a_call(deployment())
    call.attempts = [Attempt(model=m, provider=p, status=s) for m, p, s in attempts]
    return call, Outcome(**outcome)


def test_tries_are_told_apart():
    call, outcome = called(
        ("m@1", "a", "provider_timeout"),
        ("m@1", "a", "rate_limited"),
        ("n@1", "b", "ok"),
        status="ok",
    )
    call.attempts.append(Attempt(model="n@1", provider="b", status="ok", hedge=True))
    seen = counted((call, outcome))

    assert seen['roadbed_attempts_total{endpoint="e"}'] == "4"
    assert seen['roadbed_retries_total{endpoint="e"}'] == "1"
    assert seen['roadbed_fallbacks_total{endpoint="e"}'] == "1"
    assert seen['roadbed_hedges_total{endpoint="e"}'] == "1"
    errors = "roadbed_upstream_errors_total"
    assert seen[f'{errors}{{provider="a",code="provider_timeout"}}'] == "1"
    assert seen[f'{errors}{{provider="a",code="rate_limited"}}'] == "1"


def test_money_caches_and_first_pieces_are_counted():
    usage = Usage(input_tokens=3, output_tokens=5)
    call, outcome = called(status="ok", cost_nano=1_500_000, cache="stale", usage=usage)
    outcome.first_ns = 20_000_000
    seen = counted((call, outcome), (call, outcome))

    assert float(seen['roadbed_cost_usd_total{endpoint="e"}']) == 0.003
    assert seen['roadbed_cache_answers_total{endpoint="e",result="stale"}'] == "2"
    assert seen['roadbed_tokens_total{endpoint="e",direction="out"}'] == "10"
    assert seen['roadbed_first_token_seconds_bucket{endpoint="e",le="0.025"}'] == "2"
    assert seen['roadbed_first_token_seconds_bucket{endpoint="e",le="0.01"}'] == "0"


def test_an_error_is_counted_also_where_nobody_wrote_attempts_down():
    call, outcome = called(status="error", error=TimedOut("too late"))
    key = 'roadbed_upstream_errors_total{provider="p",code="provider_timeout"}'

    assert counted((call, outcome))[key] == "1"
    assert key not in counted((call, outcome), tenant="acme")


def test_strangers_make_no_labels():
    metrics = Metrics()
    for number in range(MAX_ENDPOINTS + 50):
        call, outcome = called((f"m@{number}", f"p{number}", "error"))
        call.endpoint = f"e{number}"
        metrics.count(call, outcome, 0.1)
        call.deployment = None
        metrics.count(call, outcome, 0.1)
    text = metrics.text({})
    endpoints = set(re.findall(r'endpoint="([^"]*)"', text))
    providers = set(re.findall(r'provider="([^"]*)"', text))

    assert len(endpoints) <= MAX_ENDPOINTS + 2
    assert "other" in endpoints
    assert len(providers) <= MAX_ENDPOINTS


def test_every_line_is_one_that_a_scraper_reads():
    call, outcome = called(("m@1", 'a"\n', "error"), status="error", cost_nano=7)
    call.endpoint = 'odd"\\\n'
    metrics = Metrics()
    metrics.count(call, outcome, 0.1)
    number = r"[0-9.e+-]+"
    label = r'[a-z_]+="(?:[^"\\\n]|\\["\\n])*"'
    sample = rf"roadbed_[a-z_]+(?:\{{{label}(?:,{label})*\}})? {number}"

    for line in metrics.text({}).splitlines():
        assert line.startswith("# ") or re.fullmatch(sample, line), line
