"""What a stack must say of evaluations: of an endpoint that is there, by graders."""

from collections.abc import Iterator

from pydantic import BaseModel, ValidationError

from roadbed.control.catalog import Catalog
from roadbed.control.document import Path as Place
from roadbed.control.fields import check as check_fields
from roadbed.control.fields import did_you_mean
from roadbed.control.stack import Loaded, Stack
from roadbed.control.state import State
from roadbed.core.errors import NotFound, Problem
from roadbed.core.reference import parse
from roadbed.core.resource import tenant_of
from roadbed.evals.running.judges import asked_by, asks_judge, module, names


def evaluations_have_endpoints(
    stack: Stack, _state: State, _catalog: Catalog
) -> Iterator[Problem]:
    """An evaluation judges an endpoint of its own tenant."""
    for loaded in stack.of("Evaluation"):
        name = loaded.content["spec"]["endpoint"]
        yield from _refers(loaded, ("spec", "endpoint"), "Endpoint", name, stack)


def evaluations_have_golden_sets(
    stack: Stack, _state: State, _catalog: Catalog
) -> Iterator[Problem]:
    """A golden set is a declared dataset of the same tenant, if it is declared."""
    for loaded in stack.of("Evaluation"):
        name = parse(loaded.content["spec"]["cases"]["dataset"]).name
        place = ("spec", "cases", "dataset")
        if stack.declares("Dataset", name):
            yield from _refers(loaded, place, "Dataset", name, stack)


def watches_have_accounts(
    stack: Stack, _state: State, _catalog: Catalog
) -> Iterator[Problem]:
    """What is asked unattended is asked by a declared account of the tenant."""
    for loaded in stack.of("Evaluation"):
        for block in ("watch", "online"):
            said = loaded.content["spec"][block]
            if name := said and said.get("account"):
                place = ("spec", block, "account")
                yield from _refers(loaded, place, "ServiceAccount", name, stack)


def graders_exist(stack: Stack, _state: State, _catalog: Catalog) -> Iterator[Problem]:
    """A grader is one that is installed, and takes the settings that it is given."""
    for loaded in stack.of("Evaluation"):
        for at, use in enumerate(loaded.content["spec"]["graders"]):
            yield from _grader(loaded, at, use["grader"], stack)


def _grader(loaded: Loaded, at: int, name: str, stack: Stack) -> Iterator[Problem]:
    place = ("spec", "graders", at)
    try:
        config = module(name).Config
    except NotFound:
        hint = did_you_mean(name, names(), f"installed: {', '.join(names())}")
        yield loaded.problem((*place, "grader"), f"no grader is called {name!r}", hint)
        return
    problems = list(_settings(loaded, at, config))
    yield from problems or _asked(loaded, at, config, stack)
    if not problems:
        yield from _agreement(loaded, at, config)


def _settings(loaded: Loaded, at: int, config: type[BaseModel]) -> Iterator[Problem]:
    """Say what is wrong with the settings of a grader, written or left out."""
    place: Place = ("spec", "graders", at)
    document = loaded.document
    if "config" in document.value["spec"]["graders"][at]:
        yield from check_fields(config, document, (*place, "config"))
        return
    try:
        config.model_validate({})
    except ValidationError as error:
        for fault in error.errors(include_url=False):
            where = (*place, "config", *fault["loc"])
            hint = "write it under `config`"
            yield loaded.problem(where, _said(fault["msg"]), hint)


def _said(text: str) -> str:
    return {"Field required": "is missing"}.get(
        text, text.removeprefix("Value error, ")
    )


def _asked(
    loaded: Loaded, at: int, config: type[BaseModel], stack: Stack
) -> Iterator[Problem]:
    """Say which endpoints the grader asks, and are not there."""
    settings = loaded.content["spec"]["graders"][at]["config"]
    for endpoint in asked_by(config(**settings)):
        place = ("spec", "graders", at, "config")
        yield from _refers(loaded, place, "Endpoint", endpoint, stack)


def _agreement(loaded: Loaded, at: int, config: type[BaseModel]) -> Iterator[Problem]:
    """A judge that gates says how far it agrees with people; others say no such."""
    use = loaded.content["spec"]["graders"][at]
    gate, judges = use["gate"], asks_judge(config(**use["config"]))
    if gate is None or judges == (gate.get("agreement") is not None):
        return
    place: Place = ("spec", "graders", at, "gate")
    if judges:
        told = "asks a judge, so its gate says how far it agrees with people"
        hint = "write agreement: 0.8, and see `roadbed eval certify`"
    else:
        told, hint = "asks no judge that could agree with people", "leave agreement out"
    yield loaded.problem(place, f"grader {use['name']} {told}", hint)


def _refers(
    loaded: Loaded, place: Place, kind: str, name: str, stack: Stack
) -> Iterator[Problem]:
    other = stack.by_key.get((kind, name))
    if not stack.declares(kind, name):
        hint = did_you_mean(name, stack.names(kind), f"declare one: kind {kind}")
        what = _WORDS.get(kind, kind.lower())
        yield loaded.problem(place, f"there is no {what} {name!r}", hint)
    elif other is not None and tenant_of(other.content) != tenant_of(loaded.content):
        yield loaded.problem(
            place,
            f"{kind.lower()} {name} belongs to the tenant {tenant_of(other.content)}, "
            f"and {loaded.key[1]} to {tenant_of(loaded.content)}",
            "refer to what the same tenant has",
        )


_WORDS = {"ServiceAccount": "service account"}
RULES = (
    evaluations_have_endpoints,
    evaluations_have_golden_sets,
    watches_have_accounts,
    graders_exist,
)
