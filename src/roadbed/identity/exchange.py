"""What a token may say that is made from what was presented: never more than that.

Pure (RFC 8693): proofs and a wish come in, a grant comes out, or the reason why not.
"""

from dataclasses import dataclass

from roadbed.core.errors import Denied, Invalid, Unauthenticated
from roadbed.identity.jwt import MAX_NAME, names
from roadbed.identity.proof import Proof

SECOND_US = 1_000_000
LIFETIME_US = 10 * 60 * SECOND_US
MAX_ACTORS = 3
MAX_LINE = 8
"""How many credentials a token may descend from."""
MAX_GROUPS = 100


class WrongScope(Invalid):
    """The scope names what is no action, or more than was presented."""

    code = "invalid_scope"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What was asked for: an audience, and the actions that it is for (None: all).

    `binding` is the thumbprint of a key that was proven to be held, or empty: the
    token will be worth nothing without that key.
    """

    audience: str
    scope: frozenset[str] | None = None
    binding: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a token will say. Its times are whole seconds, in microseconds."""

    audience: str
    proof: Proof
    issued_us: int


def decide(
    subject: Proof, actor: Proof | None, wish: Wish, now_us: int, jti: str
) -> Grant:
    """Return the grant that *subject* and *actor* are good for.

    Its scope, its end and the time of its proof are never beyond theirs. Raises
    Denied or Invalid with the reason, Unauthenticated if what was presented ended.
    """
    presented = [subject] if actor is None else [subject, actor]
    if actor is not None:
        _check_actor(subject, actor)
    _check_subject(subject)
    actors = subject.actors if actor is None else (actor.subject, *subject.actors)
    _check_chain(subject, actors)
    issued_us = now_us - now_us % SECOND_US
    ends_us = min(issued_us + LIFETIME_US, *(p.expires_us for p in presented))
    ends_us -= ends_us % SECOND_US
    if ends_us <= now_us:
        raise Unauthenticated("what was presented has expired, or is about to")
    proof = Proof(
        id=jti,
        subject=subject.subject,
        expires_us=ends_us,
        authenticated_us=subject.authenticated_us,
        since_us=min(issued_us, *(p.since_us for p in presented)),
        methods=subject.methods,
        scope=_scope(presented, wish),
        actors=actors,
        via=_line(presented),
        binding=_binding(presented, wish),
    )
    return Grant(audience=wish.audience, proof=proof, issued_us=issued_us)


def most(presented: list[Proof]) -> frozenset[str] | None:
    """Return the widest scope that all of *presented* are good for, None for all."""
    limits = [proof.scope for proof in presented if proof.scope is not None]
    return frozenset.intersection(*limits) if limits else None


def _check_actor(subject: Proof, actor: Proof) -> None:
    if actor.subject.kind == "user":
        raise Denied("a person acts for nobody: only agents and service accounts do")
    if actor.actors:
        raise Denied("who acts for somebody must prove it with a token of its own")


def _check_chain(subject: Proof, actors: tuple[object, ...]) -> None:
    names = [str(subject.subject), *map(str, actors)]
    if len(actors) > MAX_ACTORS:
        raise Denied(f"more than {MAX_ACTORS} would act for one another")
    if len(set(names)) < len(names):
        raise Denied("nobody acts for itself, nor for whom it acts already")


def _check_subject(subject: Proof) -> None:
    if not names(str(subject.subject)):
        raise Denied(f"the subject's name is longer than {MAX_NAME} characters")
    if len(subject.subject.groups) > MAX_GROUPS:
        raise Denied(
            f"the person is in more than {MAX_GROUPS} groups",
            hint="let the provider send only the groups that concern this application",
        )


def _scope(presented: list[Proof], wish: Wish) -> frozenset[str] | None:
    """Return what is allowed to all of *presented* and was wished for."""
    limit = most(presented)
    if wish.scope is None:
        return limit
    if limit is not None and not wish.scope <= limit:
        raise WrongScope(
            "the scope is wider than that of what was presented",
            hint="ask for less, or exchange what you began with",
        )
    return wish.scope


def _line(presented: list[Proof]) -> tuple[str, ...]:
    line = tuple(dict.fromkeys(name for proof in presented for name in proof.line))
    if len(line) > MAX_LINE:
        raise Denied(
            "this descends from too many exchanges already",
            hint="exchange the credential that you began with",
        )
    return line


def _binding(presented: list[Proof], wish: Wish) -> str:
    """Return the key that the token is bound to: that of *presented*, if one is."""
    bound = {proof.binding for proof in presented if proof.binding}
    if bound - {wish.binding}:
        raise Unauthenticated("what was presented is bound to a key that was not shown")
    return wish.binding
