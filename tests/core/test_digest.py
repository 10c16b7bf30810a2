"""Digests."""

import json

from hypothesis import given
from hypothesis import strategies as st

from roadbed.core.digest import canonical, digest, digest_of, digest_stream

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(values)
def test_a_value_read_back_has_the_same_digest(value):
    assert digest_of(json.loads(canonical(value))) == digest_of(value)


@given(st.dictionaries(st.text(), st.integers(0, 9), min_size=2))
def test_the_order_of_keys_does_not_matter(value):
    turned = dict(reversed(value.items()))

    assert digest_of(turned) == digest_of(value)


@given(st.lists(st.binary()))
def test_a_stream_has_the_digest_of_its_bytes(chunks):
    assert digest_stream(chunks) == digest(b"".join(chunks))
