"""The schema for editors, and the page for people: both grow from the kinds."""

import json
import re

import pytest
import yaml

from roadbed.control.kinds import all_kinds
from roadbed.control.reference import reference_page
from roadbed.control.schema import combined_schema, kind_schema, write_schema
from roadbed.control.starter import starter_files

STARTER = [
    document
    for path, data in starter_files().items()
    if path.endswith(".yaml") and not path.startswith("policies/tests/")
    for document in yaml.safe_load_all(data)
]


SCALARS = {
    "const": lambda value, wanted: value == wanted,
    "enum": lambda value, wanted: value in wanted,
    "pattern": lambda value, wanted: re.search(wanted, str(value)),
    "type": lambda value, wanted: wanted != "null" or value is None,
}


def faults(value, schema, root):
    """Yield the keywords of *schema* that refuse *value*: what an editor would mark."""
    for word, holds in SCALARS.items():
        if word in schema and not holds(value, schema[word]):
            yield word
    if schema.get("type") == "object":
        yield from object_faults(value, schema, root)
    yield from inner_faults(value, schema, root)


def inner_faults(value, schema, root):
    if "$ref" in schema:
        target = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        yield from faults(value, target, root)
    if "anyOf" in schema and all(any(faults(value, s, root)) for s in schema["anyOf"]):
        yield "anyOf"
    for rule in schema.get("allOf", ()):
        if not any(object_faults(value, rule["if"], root)):
            yield from object_faults(value, rule["then"], root)


def object_faults(value, schema, root):
    if not isinstance(value, dict):
        yield "object"
        return
    properties = schema.get("properties", {})
    if schema.get("additionalProperties", True) is False and value.keys() - properties:
        yield "additionalProperties"
    if set(schema.get("required", ())) - value.keys():
        yield "required"
    for name in value.keys() & properties.keys():
        yield from faults(value[name], properties[name], root)


@pytest.mark.parametrize(
    "document", STARTER, ids=lambda d: d["kind"] + d["metadata"]["name"]
)
def test_the_starter_passes_the_schema_of_editors(document):
    whole = combined_schema()
    own = kind_schema(document["kind"])

    assert list(faults(document, whole, whole)) == []
    assert list(faults(document, own, own)) == []


@pytest.mark.parametrize(
    ("change", "keyword"),
    [
        ({"kind": "Endpont"}, "enum"),
        ({"status": {}}, "additionalProperties"),
        ({"apiVersion": "v9"}, "const"),
        ({"spec": {"model": "handbook@1", "stag": "x"}}, "additionalProperties"),
        ({"spec": {"model": "handbook"}}, "pattern"),
        ({"spec": {"stage": "production"}}, "required"),
        ({"spec": {"model": "handbook@1", "stage": "prod"}}, "enum"),
    ],
)
def test_editors_mark_what_the_loader_refuses(change, keyword):
    schema = combined_schema()
    sound = next(d for d in STARTER if d["kind"] == "Endpoint")

    assert keyword in list(faults(sound | change, schema, schema))


def test_every_reference_leads_somewhere():
    text = json.dumps(combined_schema())

    names = set(re.findall(r'"#/\$defs/([^"]+)"', text))
    assert names <= set(combined_schema()["$defs"])


def test_the_schema_is_a_file_beside_the_stack(tmp_path):
    file = write_schema(tmp_path)

    assert file.name == "roadbed.schema.json"
    assert json.loads(file.read_text()) == combined_schema()


@pytest.mark.parametrize("kind", list(all_kinds()))
def test_the_reference_describes_every_field(kind):
    page = reference_page()
    section = page.split(f"\n## {kind}\n")[1].split("\n## ")[0]

    for name, field in all_kinds()[kind].model_fields.items():
        assert f"| `{name}` |" in section
        assert field.description


def test_the_reference_speaks_no_python():
    words = re.findall(
        r"\b(?:str|int|dict|NoneType|bool|Any|Literal)\b", reference_page()
    )

    assert words == []
