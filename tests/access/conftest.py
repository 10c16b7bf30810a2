"""What access tests share: one moment."""

import pytest

from tests.principals import NOW


@pytest.fixture
def now():
    return NOW
