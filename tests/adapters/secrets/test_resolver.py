"""References, resolved over the sources that were handed in."""

import pytest

from roadbed.adapters.secrets._resolver import Resolver
from roadbed.adapters.secrets.env import EnvSecrets
from roadbed.core.errors import NotFound


def test_a_reference_is_resolved_by_the_source_it_names():
    sources = {"env": EnvSecrets({"A": "one"}), "file": EnvSecrets({"A": "two"})}

    resolver = Resolver(sources)

    assert resolver.resolve("secret://env/A").reveal() == "one"
    assert resolver.resolve("secret://file/A").reveal() == "two"


def test_a_scheme_that_was_not_handed_in_does_not_exist():
    with pytest.raises(NotFound, match="'env'") as raised:
        Resolver({"file": EnvSecrets({})}).resolve("secret://env/A")

    assert raised.value.hint == "schemes here: file"


@pytest.mark.parametrize("text", ["sk-canary-1", "secret://", "secret://env/", "", "x"])
def test_what_is_no_reference_is_not_repeated(text):
    with pytest.raises(NotFound) as raised:
        Resolver({}).resolve(text)

    assert raised.value.message == "this is no reference of a secret"
