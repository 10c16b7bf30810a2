"""An evaluation is refused for what it refers to and is not there."""

from roadbed.control.state import State
from roadbed.control.validate import check
from roadbed.testing.fakes import FakeCatalog
from tests.control.stacks import (
    ECHO,
    OPERATOR,
    endpoint,
    hosted,
    resource,
    stack_of,
)


def told(folder, spec, *more):
    texts = (OPERATOR, ECHO, hosted(), endpoint(), *more)
    stack = stack_of(folder, *texts, resource("Evaluation", "exam", spec))
    return [str(problem) for problem in check(stack, State(), FakeCatalog())]


def exam(grader="{name: right, grader: exact, gate: {floor: 0.9}}", endpoint="bot"):
    golden = "cases: {dataset: questions@1}"
    return f"endpoint: {endpoint}\n{golden}\ngraders:\n- {grader}"


def test_a_sound_evaluation_is_not_refused(tmp_path):
    assert told(tmp_path, exam()) == []


def test_an_evaluation_is_of_an_endpoint_that_is_declared(tmp_path):
    [problem] = told(tmp_path, exam(endpoint="bott"))

    assert "spec.endpoint: there is no endpoint 'bott'" in problem
    assert "did you mean bot?" in problem


def test_a_grader_is_one_that_is_installed(tmp_path):
    [problem] = told(tmp_path, exam("{name: right, grader: exakt, gate: {floor: 1}}"))

    assert "spec.graders[0].grader: no grader is called 'exakt'" in problem
    assert "exact" in problem


def test_the_settings_of_a_grader_are_those_that_it_has(tmp_path):
    grader = "{name: r, grader: exact, gate: {floor: 1}, config: {nonsense: 1}}"
    [problem] = told(tmp_path, exam(grader))
    assert "spec.graders[0].config.nonsense" in problem

    found = told(tmp_path, exam("{name: r, grader: fairness, gate: {floor: 1}}"))
    assert "spec.graders[0].config.group: is missing" in found[0]


def test_a_grader_asks_an_endpoint_that_is_there(tmp_path):
    config = "config: {method: embeddings, endpoint: nowhere}"
    grader = f"{{name: r, grader: similarity, gate: {{floor: 0.1}}, {config}}}"

    [problem] = told(tmp_path, exam(grader))

    assert "there is no endpoint 'nowhere'" in problem


def test_a_golden_set_is_of_the_same_tenant(tmp_path):
    dataset = (
        "apiVersion: roadbed/v1\nkind: Dataset\n"
        "metadata: {name: questions, tenant: acme}\n"
        "spec: {owner: a, licence: b, classification: public, purposes: [c], "
        "source: d}\n"
    )

    [problem] = told(tmp_path, exam(), dataset)

    assert "dataset questions belongs to the tenant acme" in problem


def test_what_is_watched_is_asked_by_an_account_that_is_there(tmp_path):
    sound = exam() + "\nwatch: {account: operator}"
    assert told(tmp_path, sound) == []

    [problem] = told(tmp_path, exam() + "\nwatch: {account: nobody}")
    assert "spec.watch.account: there is no service account 'nobody'" in problem
