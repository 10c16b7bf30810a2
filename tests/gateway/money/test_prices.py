"""What a call costs: our whole numbers against the library's, and against invoices."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

import pytest
from genai_prices import Usage as TheirUsage
from genai_prices import calc_price
from genai_prices.data_snapshot import get_snapshot
from hypothesis import example, given
from hypothesis import strategies as st

from roadbed.gateway.money.pricelist import PriceBook, Priced
from roadbed.gateway.money.published import prices_of, published
from roadbed.gateway.money.tariff import Rate, Tariff, When, atto
from roadbed.inference.call import Usage

SNAPSHOT = get_snapshot()
COMPANIES = ("openai", "anthropic", "google", "mistral", "deepseek")
MODELS = [
    (provider, model)
    for provider in SNAPSHOT.providers
    if provider.id in COMPANIES
    for model in provider.models
    if model.prices
]
TOKENS = st.integers(0, 400_000)
BEGIN = datetime(2023, 1, 1, tzinfo=UTC)
TIMES = st.integers(0, 5 * 365 * 24 * 3600).map(lambda s: BEGIN + timedelta(seconds=s))


@st.composite
def usages(draw):
    plain, cached, minutes, hour, output = (draw(TOKENS) for _ in range(5))
    return Usage(
        input_tokens=plain + cached + minutes + hour,
        cached_tokens=cached,
        cache_write_tokens=minutes + hour,
        cache_write_1h_tokens=hour,
        output_tokens=output,
    )


def theirs(usage):
    return TheirUsage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cached_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        cache_write_1h_tokens=usage.cache_write_1h_tokens,
    )


def micros(moment):
    return int(moment.timestamp()) * 1_000_000


@given(st.sampled_from(MODELS), usages(), TIMES)
def test_what_we_charge_is_what_the_library_says(entry, usage, moment):
    provider, model = entry
    oracle = model.calc_price(
        theirs(usage), provider, genai_request_timestamp=moment
    ).total_price

    ours = prices_of(model).at(micros(moment)).cost_nano(usage)

    assert abs(ours - oracle * 10**9) <= 1


def test_every_published_model_of_every_provider_can_be_priced():
    """Nothing in the data is finer than our unit, or of a form we do not know."""
    usage = Usage(input_tokens=300_000, cached_tokens=10, output_tokens=7)
    moment = datetime(2026, 6, 1, 12, tzinfo=UTC)
    for provider in SNAPSHOT.providers:
        for model in provider.models:
            if not model.prices:
                continue
            names = set(model.get_prices(moment).__dict__)
            if names - {"input_mtok", "output_mtok", "cache_read_mtok"}:
                continue  # other units than these tokens are not counted here
            oracle = model.calc_price(
                theirs(usage), provider, genai_request_timestamp=moment
            )
            ours = prices_of(model).at(micros(moment)).cost_nano(usage)
            assert abs(ours - oracle.total_price * 10**9) <= 1, model.id


@given(usages(), st.integers(0, 10**30), st.integers(0, 10**30))
@example(Usage(input_tokens=1), 5 * 10**14, 0)
@example(Usage(input_tokens=1), 5 * 10**14 - 1, 0)
def test_a_cost_is_exact_and_rounded_once(usage, reading, writing):
    tariff = Tariff(
        input=Rate(reading), cached=Rate(reading), cache_write=Rate(reading),
        cache_write_1h=Rate(reading), output=Rate(writing),
    )  # fmt: skip

    exact = Decimal(usage.input_tokens * reading + usage.output_tokens * writing)
    nano = exact.scaleb(-15).quantize(Decimal(1), ROUND_HALF_UP)

    assert tariff.cost_nano(usage) == int(nano)


@given(st.sampled_from(MODELS), usages(), TIMES)
def test_no_call_costs_more_than_the_most(entry, usage, moment):
    tariff = prices_of(entry[1]).at(micros(moment))

    most = tariff.most_nano(usage.input_tokens, usage.output_tokens)

    assert tariff.cost_nano(usage) <= most


def test_an_invoice_of_openai_with_cached_tokens():
    """gpt-4o of 2024-11-20: $2.50 in, $1.25 from the cache, $10 out; by the million."""
    usage = Usage(input_tokens=10_000, cached_tokens=8_192, output_tokens=500)

    prices = published("openai", "https://api.openai.com/v1", "gpt-4o-2024-11-20")

    # 1,808 x 2.50 = 4,520; 8,192 x 1.25 = 10,240; 500 x 10 = 5,000 millionths.
    tariff = prices.at(micros(datetime(2026, 3, 1, tzinfo=UTC)))
    assert tariff.cost_nano(usage) == 19_760_000


def test_an_invoice_of_anthropic_with_cache_writes():
    """Claude Sonnet 4: $3 in, $3.75 and $6 to write, $0.30 to read, $15 out."""
    usage = Usage(
        input_tokens=21_000, cached_tokens=12_000, cache_write_tokens=8_000,
        cache_write_1h_tokens=3_000, output_tokens=700,
    )  # fmt: skip

    prices = published("anthropic", "", "claude-sonnet-4-20250514")

    # 1,000 x 3 + 12,000 x 0.30 + 5,000 x 3.75 + 3,000 x 6 + 700 x 15 millionths.
    tariff = prices.at(micros(datetime(2025, 7, 1, tzinfo=UTC)))
    assert tariff.cost_nano(usage) == 53_850_000


def test_thinking_is_paid_for_once_as_part_of_the_answer():
    """o3-mini: $1.10 in, $4.40 out; 900 of the 1,000 tokens were thought."""
    usage = Usage(input_tokens=2_000, output_tokens=1_000, reasoning_tokens=900)

    prices = published("openai", "https://api.openai.com/v1", "o3-mini-2025-01-31")

    tariff = prices.at(micros(datetime(2026, 3, 1, tzinfo=UTC)))
    assert tariff.cost_nano(usage) == 2_200_000 + 4_400_000


def test_a_long_prompt_is_dearer_from_its_first_token():
    """Gemini 2.5 Pro: $1.25 and $10 up to 200,000 tokens, $2.50 and $15 beyond."""
    prices = published("gemini", "", "gemini-2.5-pro")
    tariff = prices.at(micros(datetime(2026, 3, 1, tzinfo=UTC)))

    short = tariff.cost_nano(Usage(input_tokens=200_000, output_tokens=100))
    long = tariff.cost_nano(Usage(input_tokens=200_001, output_tokens=100))

    assert short == 251_000_000
    assert long == 501_502_500


def test_an_address_of_ours_has_no_published_price():
    assert published("openai", "http://127.0.0.1:8000/v1", "gpt-4o") is None
    assert published("openai", "https://api.openai.com/v1", "no-such-model") is None


def price_list(*prices, tenant="default"):
    metadata = {"name": "contract"} | (
        {} if tenant == "default" else {"tenant": tenant}
    )
    return {"kind": "PriceList", "metadata": metadata, "spec": {"prices": list(prices)}}


WANTED = Priced("openai", "openai", "https://api.openai.com/v1", "gpt-4o-2024-11-20",
                "default")  # fmt: skip


def test_a_price_list_wins_from_its_day_on_and_not_before():
    entry = {"provider": "openai", "upstream": "gpt-4o-2024-11-20",
             "since": "2026-04-01", "input": "2", "output": "8"}  # fmt: skip
    usage = Usage(input_tokens=1_000_000, output_tokens=1_000_000)
    prices = PriceBook([price_list(entry)]).find(WANTED)

    before = prices.at(micros(datetime(2026, 3, 31, 23, 59, tzinfo=UTC)))
    after = prices.at(micros(datetime(2026, 4, 1, tzinfo=UTC)))

    assert before.cost_nano(usage) == 12_500_000_000
    assert after.cost_nano(usage) == 10_000_000_000
    assert before.price != after.price


def test_the_exact_name_counts_before_a_beginning_and_the_own_tenant_before_all():
    star = {"provider": "vllm", "upstream": "llama*", "input": "1"}
    exact = {"provider": "vllm", "upstream": "llama-3", "input": "2"}
    mine = {"provider": "vllm", "upstream": "*", "input": "3"}
    book = PriceBook([price_list(star, exact), price_list(mine, tenant="acme")])

    def input_of(upstream, tenant):
        wanted = Priced("vllm", "openai", "http://10.0.0.1/v1", upstream, tenant)
        found = book.find(wanted)
        return found.at(0).input.base // 10**18 if found else None

    assert input_of("llama-3", "default") == 2
    assert input_of("llama-4", "default") == 1
    assert input_of("llama-3", "acme") == 3
    assert input_of("qwen", "default") is None


def test_an_own_model_costs_by_the_call_and_by_the_second():
    entry = {"provider": "onnx", "upstream": "churn", "per_call": "0.001",
             "per_second": "0.0002"}  # fmt: skip
    wanted = Priced("onnx", "onnx", "", "churn", "default")

    tariff = PriceBook([price_list(entry)]).find(wanted).at(0)

    assert tariff.cost_nano(Usage(), took_us=1_500_000) == 1_300_000
    assert tariff.most_nano(0, 0, 2_000_000) == 1_400_000


@given(st.integers(0, 3 * 86_400_000_000))
def test_a_night_tariff_lasts_over_midnight(at_us):
    night = When(daily=(72_000_000_000, 21_600_000_000))

    hour = at_us % 86_400_000_000 // 3_600_000_000

    assert night.includes(at_us) == (hour >= 20 or hour < 6)


def test_a_tariff_is_named_by_its_prices_alone():
    one, same = Tariff(input=Rate(5)), Tariff(input=Rate(5))

    assert one.price == same.price
    assert one.price != replace(one, output=Rate(1)).price


def test_a_price_finer_than_the_unit_is_refused():
    with pytest.raises(ValueError, match="18 decimals"):
        atto(Decimal("1e-19"))


def test_the_library_is_asked_for_the_provider_that_was_meant():
    calculated = calc_price(
        TheirUsage(input_tokens=1_000), "gpt-4o-2024-11-20", provider_id="openai"
    )
    ours = published("openai", "https://api.openai.com/v1", "gpt-4o-2024-11-20")

    assert ours.at(micros(datetime.now(UTC))).cost_nano(
        Usage(input_tokens=1_000)
    ) == int(calculated.total_price * 10**9)
