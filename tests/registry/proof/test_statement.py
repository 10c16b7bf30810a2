"""A statement names every artifact and every material, whatever the kind of version."""

from roadbed.registry.proof.statement import (
    DEFINITION,
    differences,
    materials,
    statement_of,
    subjects,
)
from roadbed.registry.runs import Input, Run
from roadbed.registry.versions import Registered

A, B, C = (f"sha256:{letter * 64}" for letter in "abc")
RUN = Run(
    id="r",
    name="train",
    actor="user:a",
    status="started",
    started_us=0,
    code={"commit": "f" * 40, "dirty": True, "patch": B, "remote": "https://x/y"},
    environment={"lock": C, "python": "3.11"},
    data=(Input(role="training", dataset="tumors", number=2, digest=A),),
)


def version(definition, number=1):
    return Registered(
        model="m",
        number=number,
        digest=C,
        definition=definition,
        run_id="r",
        created_us=1,
        actor="user:a",
    )


TRACKED = version(
    {"tracked": {"files": [{"path": "a/b.txt", "digest": A, "bytes": 1}]}}
)
TRAINED = version({"trained": {"artifact": B, "format": "onnx", "run": "r"}})
HOSTED = version(
    {
        "hosted": {
            "provider": "p",
            "upstream": "u",
            "context": {"documents": {"files": [{"path": "d.md", "digest": A}]}},
        }
    }
)


def names(items):
    return [item["name"] for item in items]


def test_every_kind_of_version_has_its_subjects():
    assert names(subjects(TRACKED)) == ["a/b.txt", DEFINITION]
    assert names(subjects(TRAINED)) == ["model.onnx", DEFINITION]
    assert names(subjects(HOSTED)) == [DEFINITION]
    assert subjects(TRAINED)[0]["digest"] == {"sha256": "b" * 64}


def test_materials_are_data_code_environment_and_parents():
    found = materials(TRAINED, RUN, [HOSTED])

    assert names(found) == [
        *("parent m@1", "dataset tumors@2", "commit", "patch", "environment lock")
    ]
    commit = found[2]
    assert commit["digest"] == {"gitCommit": "f" * 40}
    assert commit["uri"] == f"git+https://x/y@{'f' * 40}"
    assert names(materials(HOSTED)) == ["document d.md", "upstream p/u"]


def test_the_builder_is_whoever_ran_it():
    made = statement_of(TRAINED, RUN)["predicate"]["runDetails"]
    alone = statement_of(HOSTED)["predicate"]["runDetails"]

    assert made["builder"] == {"id": "roadbed:user:a"}
    assert made["metadata"]["invocationId"] == "roadbed:run/r"
    assert alone["builder"] == {"id": "roadbed:user:a"}


def test_each_difference_is_named():
    stated = statement_of(TRAINED, RUN)
    other = statement_of(TRACKED, RUN)

    assert differences(stated, stated) == []
    assert differences(stated, other) == [
        "its subjects are not the artifacts of the version"
    ]
    assert "names parent" in " ".join(
        differences(statement_of(TRAINED, RUN, [HOSTED]), stated)
    )
    for forged in ({}, {"predicate": 1}, {"subject": None, "_type": []}):
        assert len(differences(forged, stated)) >= 3


def test_what_was_read_after_it_was_registered_does_not_break_it():
    more = Input(role="test", dataset="others", number=1, digest=B)
    later = Run(**{n: getattr(RUN, n) for n in RUN.__dataclass_fields__} | {
        "data": (*RUN.data, more)
    })  # fmt: skip

    assert differences(statement_of(TRAINED, RUN), statement_of(TRAINED, later)) == []
