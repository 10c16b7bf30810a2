import math
from dataclasses import asdict, replace

import pytest

from roadbed.audit.log import AuditLog, AuditQuery
from roadbed.core.digest import digest_of
from roadbed.core.errors import Conflict, Invalid, NotFound
from roadbed.registry.plain import plain
from roadbed.registry.runs import Input, Intent

TUMORS = Input(role="training", dataset="tumors", number=1, digest="sha256:00")
INTENT = Intent(
    name="train-triage",
    actor="user:mira",
    code={"commit": "a" * 40, "dirty": True},
    environment={"python": "3.11.7", "lock": "sha256:" + "b" * 64},
    data=(TUMORS,),
    params={"C": 0.5},
    seed=7,
)


def test_a_run_is_on_record_before_the_work_begins(runs):
    started = runs.start(INTENT)
    found = runs.get(started.id)

    assert found == started
    assert (found.status, found.finished_us, found.metrics) == ("started", None, {})
    assert (found.data, found.params, found.seed) == ((TUMORS,), {"C": 0.5}, 7)


def test_a_finished_run_has_its_metrics_and_its_times(runs):
    run = runs.start(INTENT)
    runs.log(run.id, {"accuracy": 0.9})
    runs.log(run.id, {"accuracy": 0.95, "loss": math.inf})
    ended = runs.finish(run.id, "finished")

    assert ended.metrics == {"accuracy": 0.95, "loss": math.inf}
    assert ended.status == "finished"
    assert ended.finished_us > ended.started_us
    assert runs.get(run.id) == ended


def test_a_failed_run_says_with_what(runs):
    run = runs.start(INTENT)
    runs.finish(run.id, "failed", "ZeroDivisionError")

    assert (runs.get(run.id).status, runs.get(run.id).error) == (
        "failed",
        "ZeroDivisionError",
    )


def test_a_closed_record_stays_closed(runs):
    run = runs.start(INTENT)
    runs.finish(run.id, "finished")

    with pytest.raises(Conflict):
        runs.log(run.id, {"accuracy": 1.0})
    with pytest.raises(Conflict):
        runs.finish(run.id, "failed")


def test_an_unknown_run_is_not_found(runs):
    for ask in (
        runs.get,
        lambda i: runs.log(i, {}),
        lambda i: runs.finish(i, "failed"),
    ):
        with pytest.raises(NotFound):
            ask("nowhere")


def test_a_metric_that_is_no_number_changes_nothing(runs):
    run = runs.start(INTENT)

    with pytest.raises(Invalid, match="'accuracy'"):
        runs.log(run.id, {"loss": 1.0, "accuracy": "high"})
    assert runs.get(run.id).metrics == {}


def test_a_run_of_the_default_tenant_is_named_as_before_there_were_tenants(runs):
    run = runs.start(INTENT)
    content = {name: plain(value) for name, value in asdict(run).items()}
    del content["tenant"]

    assert run.tenant == "default"
    assert run.digest == digest_of(content)
    assert replace(run, tenant="acme").digest != run.digest


def test_runs_of_one_tenant_are_listed_apart(runs):
    mine = runs.start(replace(INTENT, tenant="acme"))
    theirs = runs.start(INTENT)
    newest = runs.start(replace(INTENT, tenant="acme"))

    assert runs.list(tenant="acme") == [newest, mine]
    assert runs.list(tenant="acme", before=newest.id) == [mine]
    assert runs.list(tenant="default") == [theirs]


def test_runs_are_listed_newest_first(runs):
    first, second = runs.start(INTENT), runs.start(INTENT)

    assert [run.id for run in runs.list("train-triage")] == [second.id, first.id]
    assert runs.list("other") == []
    assert len(runs.list(limit=1)) == 1


def test_the_audit_log_holds_the_digest_of_the_closed_record(runs, database, tmp_path):
    run = runs.start(INTENT)
    ended = runs.finish(run.id, "finished")
    log = AuditLog(database, None, None, tmp_path)

    last, first = log.search(AuditQuery(resource=f"Run/{run.id}"))

    assert (first.detail["status"], last.detail["status"]) == ("started", "finished")
    assert last.detail["digest"] == ended.digest == runs.get(run.id).digest


def test_a_run_shows_itself_in_one_line(runs):
    run = runs.start(INTENT)

    for fact in ("train-triage", "status started", "tumors@1", "a + changes", "C=0.5"):
        assert fact in repr(run)
    assert "<table>" in run._repr_html_()
