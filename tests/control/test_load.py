"""Reading a stack: every fault at once, with file, line and what to do."""

import os
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roadbed.control.document import Document
from roadbed.control.fields import check
from roadbed.control.kinds import all_kinds
from roadbed.control.load import load_stack, read_stack
from roadbed.core.errors import Invalid
from tests.control.stacks import ECHO, problems_of, resource, write

MODEL = """
    owner: team
    hosted:
      provider: library
      upstream: extractive-1
      context: {documents: ./docs}
"""


def test_a_resource_is_read_with_its_place(tmp_path):
    stack, problems = read_stack(write(tmp_path, providers=f"# first\n{ECHO}"))

    loaded = stack.by_key["Provider", "echo"]
    assert problems == []
    assert (loaded.file, loaded.line) == ("providers.yaml", 2)
    assert loaded.content["spec"] == {
        "type": "echo",
        "config": {},
        "region": None,
    }


def test_folders_are_read_and_hidden_ones_are_not(tmp_path):
    write(tmp_path / "b", deep=ECHO)
    write(tmp_path / ".roadbed", state="a: 1")

    stack, problems = read_stack(tmp_path)

    assert problems == []
    assert [r.file for r in stack.resources] == ["b/deep.yaml"]


def test_every_problem_is_told_at_once(tmp_path):
    write(tmp_path, a="kind: Provider\n", b=resource("Provider", "x", "typ: echo"))

    with pytest.raises(Invalid) as caught:
        load_stack(tmp_path)

    assert [str(p) for p in caught.value.problems] == [
        "a.yaml:1: apiVersion: is missing (write apiVersion: roadbed/v1)",
        "a.yaml:1: metadata: is missing (write at least the name)",
        "a.yaml:1: spec: is missing",
        "b.yaml:4: spec.type: is missing "
        "(Which implementation it is, such as openai, onnx or extractive.)",
        "b.yaml:5: spec.typ: unknown field (did you mean type?)",
    ]


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ("model: handbook", "a.yaml:5: spec.model: 'handbook' is not a pinned version"),
        ("model: [a]", "a.yaml:5: spec.model: must be text, not a list"),
        ("model: a@1\nstage: prod", "a.yaml:6: spec.stage: must be one of production"),
        ("model: a@1\ndeadline_ms: 0", "a.yaml:6: spec.deadline_ms: must be at least"),
        ("model: a@1\ndeadline_ms: x", "a.yaml:6: spec.deadline_ms: must be a whole"),
        ("model: a@1\nowner: 5", "a.yaml:6: spec.owner: must be text, not a number"),
        ("model: a@1\nack: null", "a.yaml:6: spec.ack: must be one of durable, spool"),
        ("model: a@1\nonwer: a", "a.yaml:6: spec.onwer: unknown field (did you mean"),
    ],
)
def test_a_wrong_field_is_refused_where_it_stands(tmp_path, spec, problem):
    write(tmp_path, a=resource("Endpoint", "x", spec))

    assert problems_of(tmp_path)[0].startswith(problem)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("- a\n", "a.yaml:1: a resource is a mapping, not a list"),
        ("services: {}\n", "a.yaml:1: is no Roadbed resource"),
        (ECHO.replace("/v1", "/v9"), "a.yaml:1: apiVersion: no such version"),
        (ECHO.replace("Prov", "prov"), "a.yaml:2: kind: there is no such kind (did yo"),
        (ECHO.replace("Provider", "[a]"), "a.yaml:2: kind: there is no such kind"),
        (ECHO.replace("name: echo", "name: A_b"), "a.yaml:3: metadata.name: is not wr"),
        (ECHO + "status: 1\n", "a.yaml:6: status: unknown field"),
        ("spec: 5\n" + ECHO.replace("spec:\n  type: echo\n", ""), "a.yaml:1: spec: mu"),
    ],
)
def test_what_is_no_resource_is_refused(tmp_path, text, problem):
    write(tmp_path, a=text)

    assert problems_of(tmp_path)[0].startswith(problem)


def test_a_second_declaration_names_the_first(tmp_path):
    write(tmp_path, a=ECHO, b=f"# again\n{ECHO}")

    assert problems_of(tmp_path) == [
        "b.yaml:4: metadata.name: this Provider is declared twice "
        "(the first is at a.yaml:1; keep one of them)"
    ]


@pytest.mark.parametrize(
    "config",
    [
        "config: {api_key: not-a-reference}",
        "config: {headers: {Authorization: abc}}",
        "config: {base_url: 'https://user:hunter2@example.org'}",
        "config: {note: [my key is sk-abcdefghijklmnop1234]}",
    ],
)
def test_a_literal_secret_is_refused_and_never_shown(tmp_path, config):
    write(tmp_path, a=resource("Provider", "x", f"type: echo\n{config}"))

    (problem,) = problems_of(tmp_path)

    assert problem.startswith("a.yaml:6: spec.config.")
    assert "a literal secret is refused (write a reference such as" in problem
    assert not re.search("not-a-ref|abc|hunter2", problem)


def test_references_and_ordinary_words_are_no_secrets(tmp_path):
    config = "config: {api_key: 'secret://env/KEY', max_tokens: 5, token_count: few, "
    config += "note: sk-learn-based-classification}"
    write(tmp_path, a=resource("Provider", "x", f"type: echo\n{config}"))

    assert problems_of(tmp_path) == []


def test_a_folder_of_documents_is_pinned_to_its_bytes(tmp_path):
    write(tmp_path, a=resource("Model", "m", MODEL))
    (tmp_path / "docs" / "deep").mkdir(parents=True)
    (tmp_path / "docs" / "deep" / "b.md").write_text("b")
    (tmp_path / "docs" / ".hidden").write_text("no")

    first = read_stack(tmp_path)[0].resources[0].content
    (tmp_path / "docs" / "deep" / "b.md").write_text("c")
    second = read_stack(tmp_path)[0].resources[0].content

    pins = [c["spec"]["hosted"]["context"]["documents"] for c in (first, second)]
    assert [f["path"] for f in pins[0]["files"]] == ["deep/b.md"]
    assert pins[0]["files"][0]["bytes"] == 1
    assert pins[0]["digest"] != pins[1]["digest"]


@pytest.mark.parametrize(
    ("documents", "problem"),
    [
        ("./nowhere", "there is no folder './nowhere'"),
        ('"./no\\0where"', "there is no folder './no\\x00where'"),
        ("../other", "'../other' is outside of the stack's folder"),
        ("./.roadbed/secrets", "'./.roadbed/secrets' is hidden: its name begins with"),
        ("./empty", "the folder './empty' has no files"),
        ("./linked", "'out' is a link to elsewhere (copy what it leads to)"),
    ],
)
def test_a_folder_that_cannot_be_pinned_is_refused(tmp_path, documents, problem):
    stack = tmp_path / "stack"
    write(stack, a=resource("Model", "m", MODEL.replace("./docs", documents)))
    (stack / "empty").mkdir()
    (stack / "linked").mkdir()
    (stack / "linked" / "out").symlink_to(tmp_path)

    (said,) = problems_of(stack)

    assert said.startswith(f"a.yaml:9: spec.hosted.context.documents: {problem}")


def test_a_pipe_among_the_documents_is_named_and_not_waited_for(tmp_path):
    write(tmp_path, a=resource("Model", "m", MODEL))
    (tmp_path / "docs").mkdir()
    os.mkfifo(tmp_path / "docs" / "pipe.md")

    (said,) = problems_of(tmp_path)

    assert "'pipe.md' is no regular file (keep only files in this folder)" in said


def test_a_file_in_a_pinned_folder_is_a_document_and_no_resource(tmp_path):
    write(tmp_path, models=resource("Model", "m", MODEL), provider=ECHO)
    write(tmp_path / "docs", example=ECHO, other="services: [\n")

    stack, problems = read_stack(tmp_path)

    assert problems == []
    assert [r.file for r in stack.resources] == ["models.yaml", "provider.yaml"]


def test_a_folder_does_not_hold_the_file_that_names_it(tmp_path):
    write(tmp_path, models=resource("Model", "m", MODEL.replace("./docs", "./")))

    (said,) = problems_of(tmp_path)

    assert "the folder './' holds the file that names it (give the doc" in said


def test_a_policy_is_a_cedar_file_and_its_name(tmp_path):
    write(tmp_path / "policies", other=ECHO)
    (tmp_path / "policies" / "no-nights.cedar").write_text("permit(a,b,c);")

    stack, problems = read_stack(tmp_path)

    assert problems == []
    policy = stack.by_key["Policy", "no-nights"]
    assert policy.file == "policies/no-nights.cedar"
    assert policy.content["spec"]["cedar"] == "permit(a,b,c);"


def test_bytes_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "a.yaml").write_bytes(b"kind: \xff\xfe")

    assert problems_of(tmp_path) == ["a.yaml:1: is not written in UTF-8"]


@pytest.mark.parametrize("name", ["x.yaml", "x.cedar"])
def test_a_pipe_is_named_and_not_waited_for(tmp_path, name):
    os.mkfifo(tmp_path / name)

    assert problems_of(tmp_path) == [
        f"{name}:1: is no regular file (keep only files in this folder)"
    ]


@pytest.mark.parametrize("name", ["x.yaml", "x.cedar"])
@pytest.mark.parametrize("target", ["/etc/passwd", "/dev/zero", "../outside"])
def test_a_link_out_of_the_folder_is_not_followed(tmp_path, name, target):
    (tmp_path / "outside").write_text(ECHO)
    (tmp_path / "stack").mkdir()
    (tmp_path / "stack" / name).symlink_to(target)

    assert problems_of(tmp_path / "stack") == [
        f"{name}:1: is a link to elsewhere (copy what it leads to)"
    ]


def test_a_link_inside_the_folder_is_read(tmp_path):
    write(tmp_path / ".kept", a=ECHO)
    (tmp_path / "a.yaml").symlink_to(tmp_path / ".kept" / "a.yaml")

    assert [r.file for r in load_stack(tmp_path).resources] == ["a.yaml"]


def test_a_link_that_leads_nowhere_is_named(tmp_path):
    (tmp_path / "a.yaml").symlink_to("b.yaml")
    (tmp_path / "b.yaml").symlink_to("a.yaml")
    (tmp_path / "c.yaml").symlink_to("gone.yaml")

    said = problems_of(tmp_path)

    assert [text.split(":")[0] for text in said] == ["a.yaml", "b.yaml", "c.yaml"]
    assert all("cannot be read: " in text for text in said)


def test_a_file_over_the_limit_is_refused_without_reading_it_all(tmp_path):
    with (tmp_path / "a.yaml").open("wb") as file:
        file.truncate(2**40)

    assert problems_of(tmp_path) == ["a.yaml:1: is larger than 4 MiB"]


def test_a_file_name_that_cannot_be_printed_is_refused(tmp_path):
    (tmp_path / "a\x1b[2K.yaml").write_text(ECHO)

    assert problems_of(tmp_path) == [
        "'a\\x1b[2K.yaml':1: the name of this file is not printable text"
    ]


def test_an_empty_folder_is_no_stack(tmp_path):
    with pytest.raises(Invalid, match="declares nothing") as caught:
        load_stack(tmp_path)

    assert "roadbed init" in caught.value.hint


def test_what_could_not_be_read_is_known_to_exist(tmp_path):
    write(tmp_path, a=resource("Provider", "x", "type: 5"))

    stack, problems = read_stack(tmp_path)

    assert problems
    assert stack.declares("Provider", "x")
    assert stack.resources == ()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(0, 1) | st.text("ab@1"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["hosted", "roles", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)
PYTHON = re.compile(r"\b(str|int|dict|NoneType|bool|instance|Hosted|pydantic|object)\b")


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=60)
@given(st.data())
def test_no_message_speaks_python(data):
    kind = data.draw(st.sampled_from(list(all_kinds().values())))
    names = st.sampled_from([*kind.model_fields, "oops"])
    spec = data.draw(st.dictionaries(names, JSON, max_size=6))
    document = Document(value={"spec": spec}, file="a.yaml", lines={(): 1})

    said = [f"{p.message} {p.field}" for p in check(kind, document, ("spec",))]

    assert not [text for text in said if PYTHON.search(text)]
