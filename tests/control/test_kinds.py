"""Kinds are found in the rooms; nothing is registered."""

from roadbed.control.kinds import all_kinds
from roadbed.core.resource import Spec


def test_every_kind_of_every_room_is_found():
    assert list(all_kinds()) == [
        "Agent",
        "Binding",
        "Budget",
        "Dataset",
        "Deprecation",
        "Endpoint",
        "Evaluation",
        "Federation",
        "IdentityProvider",
        "Model",
        "Policy",
        "PriceList",
        "Provider",
        "RateLimit",
        "Role",
        "ServiceAccount",
    ]


def test_a_kind_is_called_as_its_class_is():
    assert all(kind.__name__ == name for name, kind in all_kinds().items())


def test_every_kind_refuses_what_it_does_not_know():
    for kind in all_kinds().values():
        assert issubclass(kind, Spec)
        assert kind.model_config["extra"] == "forbid"
        assert (kind.__doc__ or "").strip()
