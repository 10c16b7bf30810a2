"""A chain of custody as text."""

from roadbed.control.chain import render
from roadbed.control.why import Chain, Hop
from roadbed.inference.provider import Contribution, Explanation

EXPECTED = """\
Answer: local-1
    when            today
← Model version (trained): tumor-triage@1
    sha256:abc
    checked against audit entry 19

contributions to probability: 0.5000 for the reference input, 0.8000 for this one
    radius   +0.4000 ± 0.0100  ████████████████████████  is 12.5, reference 10
    texture  -0.1000 ± 0.0000  ██████                    is 3, reference 2
    method: exact
note: one thing could not be followed"""


def chain():
    hops = (
        Hop(kind="Call", title="Answer", name="local-1", facts=(("when", "today"),)),
        Hop(
            kind="ModelVersion",
            title="Model version (trained)",
            name="tumor-triage@1",
            digest="sha256:abc",
            checked="audit entry 19",
        ),
    )
    explanation = Explanation(
        method="exact",
        output_name="probability",
        output=0.8,
        reference_output=0.5,
        contributions=(
            Contribution(feature="texture", value=3.0, reference=2.0, amount=-0.1),
            Contribution(
                feature="radius", value=12.5, reference=10.0, amount=0.4, error=0.01
            ),
        ),
    )
    notes = ("one thing could not be followed",)
    return Chain(call_id="local-1", hops=hops, explanation=explanation, notes=notes)


def test_the_chain_reads_from_the_answer_to_its_sources():
    text = "\n".join(line.rstrip() for line in render(chain()).splitlines())

    assert text == EXPECTED


def test_small_contributions_are_added_up():
    text = render(chain(), limit=1)

    assert "1 others" in text
    assert "-0.1000" in text


def test_as_json_the_facts_have_names():
    plain = chain().to_json()

    assert plain["hops"][0]["facts"] == {"when": "today"}
    assert [hop["checked"] for hop in plain["hops"]] == ["", "audit entry 19"]
    assert plain["explanation"]["contributions"][0]["feature"] == "texture"
