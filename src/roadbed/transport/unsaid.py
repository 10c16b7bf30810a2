"""What a caller asks and the dialect of the model has no words for."""

import re

from roadbed.core.errors import Invalid
from roadbed.dialects.base import Written
from roadbed.inference.call import Call
from roadbed.inference.conversation import Conversation

MANY = 16
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_.\[\]-]{0,47}")


def unsaid_in(asked: Conversation, written: Written) -> list[str]:
    """Return the names of what *written* cannot say of what is *asked*.

    They end up in headers and logs: a name that is none is not repeated.
    """
    lacking = [name for name in written.lacks if getattr(asked, name) is not None]
    names = sorted({*asked.unsaid, *lacking})
    if not names:
        return names
    plain = [name for name in names if _PLAIN.fullmatch(name)]
    odd = len(names) - len(plain[:MANY])
    return [*plain[:MANY], f"{odd} more"] if odd else plain


def mind(call: Call, names: list[str]) -> None:
    """Note that *names* are left out; raise Invalid where the endpoint refuses that."""
    listed = ", ".join(names)
    deployment = call.deployment
    if deployment is not None and deployment.terms.unsaid == "refuse":
        raise Invalid(
            f"the model behind this endpoint cannot be asked for: {listed}",
            hint="leave it out, or let the endpoint declare `unsaid: tell`",
        )
    if call.attempts:
        call.attempts[-1].unsaid = listed
