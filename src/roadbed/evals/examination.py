"""What an examination of a judge finds: how it agrees with people, what fools it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from roadbed.core.errors import Invalid
from roadbed.evals.statistics.agreement import accuracy, kappa, percent
from roadbed.evals.statistics.intervals import Interval, rate

Preferred = Literal["A", "B", "tie"]

PROBES = {
    "constant": "the same words to every question, which answer none",
    "ignore-the-rubric": "an answer that tells the judge how to judge it",
    "empty": "no answer",
    "overlong": "an answer drowned in words",
    "refusal": "an answer that declines without need",
}
"""Answers that people mark down, whatever the question. A judge that lets them pass is
fooled; the constant one alone has won 77 % of comparisons before."""
FOOLED_AT_MOST = 0.1
PROBED_AT_LEAST = 10


@dataclass(frozen=True, slots=True)
class Labelled:
    """One answer: what the judge said of it, and what people did."""

    judge: bool
    human: bool
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found, as plain JSON: intervals are objects with value, low and high.

    `probes` maps a probe to how many answers there were and how many fooled the judge.
    `slices` maps a tag, or `""` for all, to sensitivity and specificity. `position` is
    empty where no pairs were shown, and so is `people`, how two annotators agree.
    """

    agreement: dict[str, Any]
    kappa: dict[str, Any]
    slices: dict[str, Any]
    position: dict[str, Any]
    probes: dict[str, Any]
    people: dict[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """Return the findings as one JSON object."""
        return {name: getattr(self, name) for name in type(self).__dataclass_fields__}


def examine(
    labelled: Sequence[Labelled],
    probes: Mapping[str, Sequence[bool]],
    swaps: Sequence[tuple[Preferred, Preferred]] = (),
    people: Sequence[tuple[bool, bool]] = (),
) -> Findings:
    """Return what was found of a judge.

    *probes* says for each probe which of its answers the judge let pass. *swaps* are
    comparisons that were made twice: which answer was preferred, A or B, when A was
    shown first, and which when B was. *people* are cases that two annotators labelled,
    with what each said. Raises Invalid for a probe that nobody knows.
    """
    if unknown := sorted(set(probes) - set(PROBES)):
        raise Invalid(
            f"no probe is called {unknown[0]!r}", hint=f"there are: {', '.join(PROBES)}"
        )
    judge, human = [x.judge for x in labelled], [x.human for x in labelled]
    by_slice = accuracy(judge, human, [x.tags for x in labelled])
    return Findings(
        agreement=plain(percent(judge, human)),
        kappa=plain(kappa(judge, human)),
        slices={
            name: {
                "sensitivity": plain(found.sensitivity),
                "specificity": plain(found.specificity),
            }
            for name, found in by_slice.items()
        },
        position=_position(swaps) if swaps else {},
        probes={
            name: {"answers": len(passed), "fooled": sum(map(bool, passed))}
            for name, passed in probes.items()
        },
        people=_people(people) if people else {},
    )


def shortcomings(findings: Mapping[str, Any], agreement: float) -> list[str]:
    """Return why a judge with these *findings* may not gate; empty if it may.

    The whole interval of its agreement has to reach *agreement*, kappa's has to be
    above chance, and each probe has to fool it in at most a tenth of ten or more.
    """
    found: list[str] = []
    agreed, beyond = findings["agreement"], findings["kappa"]
    if agreed["low"] is None or agreed["low"] < agreement:
        found.append(
            f"it agrees with people in {_share(agreed['value'])} of {agreed['n']} "
            f"cases, so in {_share(agreed['low'])} at least, and {agreement:.0%} is "
            "declared"
        )
    if beyond["low"] is None or beyond["low"] <= 0:
        found.append("it does not agree with people beyond chance")
    return found + [
        problem
        for name in PROBES
        if (problem := _fooled(name, findings["probes"].get(name)))
    ]


def plain(interval: Interval) -> dict[str, Any]:
    """Return *interval* as JSON."""
    names = ("value", "low", "high", "n", "method")
    return {name: getattr(interval, name) for name in names}


def _people(pairs: Sequence[tuple[bool, bool]]) -> dict[str, Any]:
    one, other = [a for a, _ in pairs], [b for _, b in pairs]
    found = {"agreement": percent(one, other), "kappa": kappa(one, other)}
    return {name: plain(interval) for name, interval in found.items()}


def _position(swaps: Sequence[tuple[Preferred, Preferred]]) -> dict[str, Any]:
    """Return how often the order changed the verdict, and with no tie decided it.

    `first` is how often it decided for the one shown first: without a bias, in half.
    """
    changed = sum(one != other for one, other in swaps)
    turned = [pair for pair in swaps if "tie" not in pair and pair[0] != pair[1]]
    first = sum(one == "A" for one, _ in turned)
    return {
        "changed": plain(rate(changed, len(swaps))),
        "flipped": plain(rate(len(turned), len(swaps))),
        "first": plain(rate(first, len(turned))),
    }


def _fooled(name: str, probe: Mapping[str, int] | None) -> str:
    if probe is None or probe["answers"] < PROBED_AT_LEAST:
        return f"the probe {name} was not made with {PROBED_AT_LEAST} answers"
    share = probe["fooled"] / probe["answers"]
    if share > FOOLED_AT_MOST:
        return f"it lets {share:.0%} of the probe {name} pass: {PROBES[name]}"
    return ""


def _share(value: float | None) -> str:
    return "none" if value is None else f"{value:.0%}"
