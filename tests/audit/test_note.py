"""Signed notes, checked against the example of the reference implementation."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from roadbed.audit.note import Verifier, read_note, read_verifier, sign
from roadbed.core.errors import Invalid

# The key and note in the documentation of golang.org/x/mod/sumdb/note.
KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
SIGNED = TEXT + (
    "\n\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC"
    "2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


def test_a_note_that_another_implementation_signed_is_believed():
    note = read_note(SIGNED)

    assert note.text == TEXT
    assert note.signed_by(read_verifier(KEY))
    assert str(read_verifier(KEY)) == KEY


def test_a_changed_note_is_not_believed():
    note = read_note(SIGNED.replace("answer", "Answer"))

    assert not note.signed_by(read_verifier(KEY))


def test_what_we_sign_is_believed_for_our_key_only():
    ours, theirs = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    note = read_note(sign("a log\n7\n", "ours", ours))

    assert note.signed_by(Verifier("ours", ours.public_key().public_bytes_raw()))
    assert not note.signed_by(Verifier("ours", theirs.public_key().public_bytes_raw()))
    assert not note.signed_by(Verifier("us", ours.public_key().public_bytes_raw()))


@pytest.mark.parametrize(
    "text", ["", "\n", "text\n", "text\n\n", TEXT + "\nno dash AAAAAAA=\n", SIGNED[:-1]]
)
def test_what_is_no_signed_note_is_refused(text):
    with pytest.raises(Invalid):
        read_note(text)


@pytest.mark.parametrize("line", ["", "x", "a+b+c", KEY.replace("c74f", "c74e")])
def test_what_is_no_key_is_refused(line):
    with pytest.raises(Invalid):
        read_verifier(line)
