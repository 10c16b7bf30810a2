"""One estate that the tests of the control API share."""

import pytest

from tests.server.api.estate import serving_estate


@pytest.fixture(scope="package")
def estate(tmp_path_factory):
    """A line that has just begun, and its server."""
    with serving_estate(tmp_path_factory.mktemp("estate")) as made:
        yield made
