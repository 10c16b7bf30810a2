"""What goes wrong on ordinary machines is said in words."""

import hashlib
import shutil


def test_a_lost_database_is_not_begun_anew_in_silence(line):
    for name in ("control.db", "control.db-wal", "control.db-shm"):
        (line.folder / ".roadbed" / name).unlink(missing_ok=True)

    assert "the control database is gone" in line.run("plan", code=1)
    assert "restore" in line.run("up", code=1)


def test_a_database_that_is_none_is_named(line):
    (line.folder / ".roadbed" / "control.db").write_bytes(b"no database" * 999)

    assert "control database cannot be used" in line.run("doctor", code=1)


def test_a_key_file_that_holds_no_key_is_named(line):
    (line.folder / ".roadbed" / "operator.key").write_bytes(b"\xff\xfe\x00")

    assert "roadbed login" in line.run("plan", code=4)


def test_a_clone_of_a_stack_gets_a_state_and_keeps_its_files(line):
    clone = line.folder.with_name("clone")
    shutil.copytree(line.folder, clone, ignore=shutil.ignore_patterns(".roadbed"))
    line.folder = clone
    before = (clone / "access.yaml").read_bytes()
    told = line.run("init", ".")

    assert "kept the stack" in told
    assert (clone / "access.yaml").read_bytes() == before
    line.run("login", stdin=(clone / ".roadbed" / "bootstrap-token").read_text())
    assert "handbook@1" in line.run("plan")


def test_a_lost_token_can_be_replaced_by_who_owns_the_state(line):
    (line.folder / ".roadbed" / "operator.key").unlink()
    line.run("init", "--new-token", ".")
    line.run("login", stdin=(line.folder / ".roadbed/bootstrap-token").read_text())
    entries = line.json("audit", "list")["entries"]

    assert "bootstrap.create" in [entry["action"] for entry in entries]


def test_an_unusable_path_is_named(line):
    assert "/nonexistent" in line.run("plan", "--out", "/nonexistent/p.json", code=1)


def test_a_key_in_the_wrong_field_is_not_kept(line):
    key = line.up().key("demo-app")
    status, call, _ = line.ask(key, model=key)
    listed = line.run("calls", "list")

    assert status in (403, 404)
    assert call in listed
    assert key not in listed + line.run("audit", "list", "-o", "json")
    line.stop()
    everything = b"".join(
        f.read_bytes() for f in (line.folder / ".roadbed").rglob("*") if f.is_file()
    )
    assert key.encode() not in everything


def test_control_characters_never_reach_the_terminal(line):
    key = line.up().key("demo-app")
    line.ask(key, model="\x1b]0;pwned\x07\x1b[2J\n")
    listed = line.run("calls", "list") + line.run("audit", "list")

    assert "\x1b" not in listed
    assert "pwned" not in listed


def test_what_cannot_be_served_is_said_at_the_start(line):
    page = (line.folder / "handbook/endpoints.md").read_bytes()
    digest = hashlib.sha256(page).hexdigest()
    artifact = line.folder / ".roadbed/blobs/sha256" / digest[:2] / digest[2:]
    artifact.chmod(0o644)
    artifact.write_bytes(b"something else")
    line.up()

    assert "not served: handbook" in line.log()
    assert line.ask(line.key("demo-app"))[0] == 503
