"""Addresses that others chose never lead into our own network."""

import datetime
import socket
import ssl
import threading
import time
from contextlib import contextmanager

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from roadbed.adapters.web.guarded import GuardedWeb
from roadbed.core.errors import Invalid, RoadbedError, TimedOut, Unavailable
from roadbed.testing.web_contract import WebContract, web_server

HERE = "127.0.0.1"


class TestGuarded(WebContract):
    @pytest.fixture
    def make(self):
        return GuardedWeb


def test_one_inner_address_among_public_ones_is_enough_to_refuse():
    web = GuardedWeb(resolve=lambda host, port: ["1.1.1.1", "10.0.0.1"])

    with pytest.raises(Invalid, match="inside a private network"):
        web.get("https://rebinding.example/")


def test_a_name_is_resolved_once():
    asked = []

    def resolve(host, port):
        asked.append(host)
        return ["10.0.0.1"] if len(asked) > 1 else ["192.0.2.1"]

    with pytest.raises(Invalid):
        GuardedWeb(resolve=resolve).get("https://rebinding.example/")
    assert asked == ["rebinding.example"]


@pytest.mark.parametrize(
    "host",
    [
        *("127.1", "0177.0.0.1", "0x7f.0.0.1", "0x7f000001", "2130706433", "0"),
        *("[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "localhost."),
        *("[64:ff9b::7f00:1]", "169.254.169.254", "[fd00:ec2::254]"),
    ],
)
def test_however_an_inner_address_is_written_it_is_inner(host):
    with pytest.raises((Invalid, Unavailable)) as raised:
        GuardedWeb().get(f"https://{host}/")

    assert "private network" in raised.value.message or "no host" in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example/\r\nX-Evil: 1",
        "https://a.example/ HTTP/1.1",
        "https://a.exam\tple/",
        "https://a.example\\@127.0.0.1/",
        "https://user@a.example/",
        "https://user:secret@a.example/",
        "https://ä.example/",
        "file:///etc/passwd",
        "gopher://a.example/",
        "https://[::1/",
        "https://a.example:0/",
        "https://a.example:65536/",
    ],
)
def test_an_address_with_something_hidden_in_it_is_refused_unasked(url):
    asked = []
    web = GuardedWeb(resolve=lambda host, port: asked.append(host) or [])

    with pytest.raises(Invalid) as raised:
        web.get(url)
    assert asked == []
    assert "secret" not in f"{raised.value!r} {raised.value.hint}"


@pytest.mark.parametrize("value", ["a\r\nx-evil: 1", "a\nb", "ü\u2028", "\0\r"])
def test_no_header_brings_another_one_along(value):
    with web_server() as port, pytest.raises(Invalid, match="header"):
        GuardedWeb([HERE]).get(f"http://{HERE}:{port}/", {"authorization": value})


@given(st.text(max_size=40))
def test_no_text_is_asked_as_an_address_unless_it_is_one(text):
    web = GuardedWeb(resolve=lambda host, port: ["10.0.0.1"])

    for url in (text, f"https://{text}", f"https://a.example/{text}"):
        with pytest.raises(RoadbedError):
            web.get(url)


@contextmanager
def scripted(pieces, gap_s=0.0, context=None):
    """Answer each connection with these bytes, one piece after the other."""
    listener = socket.create_server((HERE, 0))

    def serve():
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                client = context.wrap_socket(client, True) if context else client
                client.recv(65536)
                for piece in pieces():
                    client.sendall(piece)
                    time.sleep(gap_s)
            except OSError:
                pass
            client.close()

    threading.Thread(target=serve, daemon=True).start()
    yield listener.getsockname()[1]
    listener.close()


def dripping():
    yield b"HTTP/1.1 200 OK\r\n"
    while True:
        yield b"x"


def dripping_body():
    yield b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n"
    while True:
        yield b"x"


@pytest.mark.parametrize("pieces", [dripping, dripping_body])
def test_an_answer_that_drips_has_a_deadline_of_its_own(pieces):
    begun = time.monotonic()
    with scripted(pieces, 0.02) as port, pytest.raises(TimedOut):
        GuardedWeb([HERE], total_s=0.3).get(f"http://{HERE}:{port}/")

    assert time.monotonic() - begun < 3


@pytest.mark.parametrize(
    "head",
    [b"x: " + b"y" * 100_000, b"x: y\r\n" * 1000, b"\xff\xfe" * 10, b"no header"],
)
def test_a_head_beyond_all_bounds_is_no_answer(head):
    answer = b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n"
    with scripted(lambda: [answer[:17], answer[17:]]) as port:
        try:
            reply = GuardedWeb([HERE]).get(f"http://{HERE}:{port}/")
        except Unavailable:
            return

    assert len(str(reply.headers)) < 100_000


def certificate(name):
    """Return a server's TLS context for *name*, and a client's that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return pem, private


@pytest.mark.parametrize(("name", "good"), [("here.test", True), ("other.test", False)])
def test_a_certificate_for_another_name_is_no_proof(tmp_path, name, good):
    pem, private = certificate(name)
    (tmp_path / "both.pem").write_bytes(pem + private)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "both.pem")
    web = GuardedWeb(
        ["here.test"],
        resolve=lambda host, port: [HERE],
        tls=lambda: ssl.create_default_context(cadata=pem.decode()),
    )
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"

    with scripted(lambda: [answer], context=server) as port:
        url = f"https://here.test:{port}/"
        if good:
            assert web.get(url).body == b"ok"
        else:
            with pytest.raises(Unavailable, match=r"(?i)certificate"):
                web.get(url)
