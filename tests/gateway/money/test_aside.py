"""Published prices from a process beside ours: the same, and the table stays there."""

import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from roadbed.gateway.money.aside import read, write
from roadbed.gateway.money.tariff import ATTO, Prices, Rate, Tariff, When

COUNTS = st.integers(0, 1000 * ATTO)
TOKENS = st.integers(0, 10**9)
RATES = st.builds(
    Rate, COUNTS, st.lists(st.tuples(TOKENS, COUNTS), max_size=3).map(tuple)
)
WHENS = st.builds(
    When, st.none() | st.integers(), st.none() | st.tuples(COUNTS, COUNTS)
)
TARIFFS = st.builds(
    Tariff,
    input=RATES,
    output=RATES,
    cached=RATES,
    cache_write=RATES,
    cache_write_1h=RATES,
    per_call=COUNTS,
    per_second=COUNTS,
)
PRICES = st.lists(st.tuples(WHENS, TARIFFS), max_size=3).map(
    lambda periods: Prices(tuple(periods))
)


@given(st.none() | PRICES)
def test_prices_cross_the_pipe_unchanged(prices):
    assert read(write(prices)) == prices


def test_a_server_finds_the_same_prices_without_the_table():
    code = (
        "import sys\n"
        "from roadbed.gateway.money.aside import PublishedAside\n"
        "from roadbed.gateway.money.published import published\n"
        "aside, wanted = PublishedAside(), ('anthropic', '', 'claude-sonnet-4-5')\n"
        "found = aside(*wanted)\n"
        "assert aside('anthropic', '', 'nobody-1') is None\n"
        "first = aside.helper.pid\n"
        "aside.close()\n"
        "assert aside(*wanted) is found and aside.helper.pid is None and first\n"
        "assert 'genai_prices' not in sys.modules\n"
        "assert found and found == published(*wanted)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
