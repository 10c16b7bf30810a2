from dataclasses import replace

from roadbed.registry import retrains

PAIR = ("tumors@2", "tumors@3")


def test_a_plan_made_twice_keeps_what_was_done(database):
    with database.write() as connection:
        first, second = retrains.plan(connection, *PAIR, ["a@1", "b@1"])
        retrains.write(connection, replace(first, status="done", made="a@2"))
        again = retrains.plan(connection, *PAIR, ["a@1", "b@1", "c@1"])

    assert [(job.version, job.status) for job in again] == [
        ("a@1", "done"),
        ("b@1", "waiting"),
        ("c@1", "waiting"),
    ]
    assert second.because == "tumors@2"


def test_of_two_only_one_takes_a_job(database):
    with database.write() as connection:
        (job,) = retrains.plan(connection, *PAIR, ["a@1"])
        taken = replace(job, status="running", at_us=5)

        assert retrains.claim(connection, job, taken)
        assert not retrains.claim(connection, job, replace(taken, at_us=6))
