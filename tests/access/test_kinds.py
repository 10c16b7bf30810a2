"""Policies as a team declares them."""

from roadbed.access.kinds import Policy


def test_the_kind_explains_itself():
    schema = Policy.model_json_schema()

    assert all(field["description"] for field in schema["properties"].values())
