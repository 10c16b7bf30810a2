"""References to versions."""

import pytest

from roadbed.core.errors import Invalid
from roadbed.core.reference import VersionRef, parse


def test_a_reference_reads_back():
    assert parse(str(VersionRef("credit-risk", 2))) == VersionRef("credit-risk", 2)


@pytest.mark.parametrize(
    "text", ["credit-risk", "a@", "a@0", "a@-1", "a@1.0", "A@1", "a@latest", "a@1 "]
)
def test_what_is_not_pinned_is_refused(text):
    with pytest.raises(Invalid) as refusal:
        parse(text)

    assert "support-bot@7" in refusal.value.hint
