"""Looking up by file name."""

import sys

import pytest

import roadbed.adapters.providers
from roadbed.core import plugins
from roadbed.core.errors import NotFound

GROUP = "roadbed.providers"


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(NotFound) as error:
        plugins.find(roadbed.adapters.providers, GROUP, "antropic")

    assert "no provider is called 'antropic'" in str(error.value)
    assert "openai" in error.value.hint


def test_listing_imports_nothing():
    sys.modules.pop("roadbed.adapters.providers.openai", None)

    assert "openai" in plugins.names(roadbed.adapters.providers, GROUP)
    assert "roadbed.adapters.providers.openai" not in sys.modules


@pytest.mark.parametrize("name", ["../core", "_private", "", "os.path"])
def test_a_name_is_never_a_path(name):
    with pytest.raises(NotFound):
        plugins.find(roadbed.adapters.providers, GROUP, name)
