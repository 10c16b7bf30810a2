"""The stand-in says what it is asked to do, and nothing that it cannot."""

import pytest

from roadbed.core.errors import NotFound
from roadbed.testing.upstream_responses import WAYS, ResponsesUpstream


def test_a_way_that_it_does_not_know_is_refused_with_those_it_does():
    with pytest.raises(NotFound) as told:
        ResponsesUpstream("upside-down")

    assert told.value.hint == ", ".join(WAYS)
