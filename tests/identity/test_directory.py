"""The directory: what is known of whoever has proven who they are."""

from roadbed.identity.directory import Company, Directory, Known, Subject

IDP = "https://login.example.com"
ADA = Subject(kind="user", name="2489", issuer=IDP, groups=frozenset({"risk"}))
DIRECTORY = Directory(
    accounts={"ci": Known(roles=frozenset({"ci"}), tenant="north")},
    agents={"triage": Known(mandate=frozenset({"endpoint.infer"}))},
    companies={IDP: Company(name="company")},
    bindings={
        "group:company/risk": frozenset({"viewer"}),
        "user:company/2489": frozenset({"auditor"}),
        "service-account:ci": frozenset({"app"}),
    },
)


def test_a_person_is_an_issuer_and_its_subject():
    found = DIRECTORY.find(ADA)

    assert str(found) == "user:https://login.example.com#2489"
    assert found.roles == {"viewer", "auditor"}
    assert found.groups == {"company/risk"}


def test_the_same_subject_of_another_issuer_is_nobody():
    stranger = Subject(kind="user", name="2489", issuer="https://evil.example")

    assert DIRECTORY.find(stranger) is None


def test_an_account_holds_its_own_roles_and_those_bound_to_it():
    found = DIRECTORY.find(Subject(kind="service-account", name="ci"))

    assert (found.roles, found.tenant) == ({"ci", "app"}, "north")


def test_an_agent_is_no_account_of_the_same_name():
    assert DIRECTORY.find(Subject(kind="service-account", name="triage")) is None
    agent = DIRECTORY.find(Subject(kind="agent", name="triage"))
    assert agent.mandate == {"endpoint.infer"}


def test_a_title_proves_nothing():
    liar = Subject(kind="user", name="1", issuer=IDP, title="user:company/2489")

    assert DIRECTORY.find(liar).roles == frozenset()
