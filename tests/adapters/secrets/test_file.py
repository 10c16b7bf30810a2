"""Secrets from a mounted directory."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadbed.adapters.secrets.file import MAX_BYTES, FileSecrets
from roadbed.core.errors import Invalid, NotFound
from roadbed.testing.secrets_contract import PATH, VALUE, SecretsContract


@pytest.fixture
def mount(tmp_path):
    """A directory with one secret, beside one that is none of its business."""
    (tmp_path / "outside").write_text("not yours")
    (tmp_path / "mount").mkdir()
    (tmp_path / "mount" / PATH).write_text(VALUE)
    return tmp_path / "mount"


class TestFileSecrets(SecretsContract):
    @pytest.fixture
    def source(self, mount):
        return FileSecrets(mount)


@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_the_last_line_break_is_not_part_of_the_secret(mount, end):
    (mount / "key").write_bytes(f" two\nlines {end}".encode())

    assert FileSecrets(mount).fetch("key").reveal() == " two\nlines "


def test_a_link_inside_the_directory_is_followed_as_kubernetes_lays_them(mount):
    (mount / "..2026").mkdir()
    (mount / "..2026" / "key").write_text("inside")
    (mount / "..data").symlink_to("..2026")
    (mount / "key").symlink_to("..data/key")

    assert FileSecrets(mount).fetch("key").reveal() == "inside"


@pytest.mark.parametrize("target", ["../outside", "/etc/hostname", "loop", "gone"])
def test_a_link_that_leads_out_or_nowhere_finds_nothing(mount, target):
    (mount / "loop").symlink_to("loop")
    (mount / "link").symlink_to(target)

    with pytest.raises(NotFound):
        FileSecrets(mount).fetch("link")


def test_a_linked_folder_that_leads_out_finds_nothing(mount):
    (mount / "up").symlink_to("..")

    with pytest.raises(NotFound):
        FileSecrets(mount).fetch("up/outside")


def test_a_path_that_goes_up_is_refused_even_if_it_stays_inside(mount):
    (mount / "folder").mkdir()

    with pytest.raises(NotFound):
        FileSecrets(mount).fetch(f"folder/../{PATH}")


def test_a_pipe_or_a_folder_is_no_secret_and_keeps_nobody_waiting(mount):
    os.mkfifo(mount / "pipe")
    (mount / "folder").mkdir()

    for name in ("pipe", "folder"):
        with pytest.raises(NotFound):
            FileSecrets(mount).fetch(name)


def test_a_rotated_secret_is_found_at_once(mount):
    source = FileSecrets(mount)
    source.fetch(PATH)
    (mount / PATH).write_text("new")

    assert source.fetch(PATH).reveal() == "new"


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x" * (MAX_BYTES + 1)])
def test_what_cannot_be_a_secret_is_refused_unseen(mount, content):
    (mount / "odd").write_bytes(content)

    with pytest.raises(Invalid, match="secret://file/odd"):
        FileSecrets(mount).fetch("odd")


def test_an_absent_directory_holds_nothing(tmp_path):
    with pytest.raises(NotFound):
        FileSecrets(tmp_path / "never-made").fetch(PATH)


@given(st.lists(st.sampled_from(["..", ".", "", "up", "outside", PATH, "\0"])))
def test_no_walk_reaches_the_outside(tmp_path_factory, steps):
    home = tmp_path_factory.mktemp("walk")
    (home / "outside").write_text("not yours")
    (home / "mount").mkdir()
    (home / "mount" / "up").symlink_to("..")

    with pytest.raises(NotFound):
        FileSecrets(home / "mount").fetch("/".join(steps))
