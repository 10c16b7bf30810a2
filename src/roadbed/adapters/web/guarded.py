"""HTTP to addresses that others chose, and never into our own network.

A name is resolved once, every address it has is judged, and the connection goes to
the address that was judged: a name that resolves differently the next moment (DNS
rebinding) gains nothing. Redirects are not followed, and no proxy of the environment
is used. However slowly an answer drips, it has 20 seconds.
"""

import http.client
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from urllib.parse import SplitResult, urlsplit

from roadbed.core.addresses import is_public
from roadbed.core.errors import Invalid, TimedOut, Unavailable
from roadbed.ports.web import WebReply

SECONDS = 10.0
TOTAL_SECONDS = 20.0
MAX_BYTES = 1024 * 1024
_PORTS = {"http": 80, "https": 443}
_UNSEEN = re.compile(r"[\x00-\x20\x7f\\]")

Resolve = Callable[[str, int], Iterable[str]]
"""Returns the addresses of a name, as `getaddrinfo` spells them."""


class GuardedWeb:
    """The public web, and of private networks only *private_hosts*."""

    def __init__(
        self,
        private_hosts: Iterable[str] = (),
        resolve: Resolve | None = None,
        tls: Callable[[], ssl.SSLContext] = ssl.create_default_context,
        total_s: float = TOTAL_SECONDS,
    ) -> None:
        self._private = frozenset(host.lower() for host in private_hosts)
        self._resolve = resolve or _resolve
        self._tls = tls
        self._total_s = total_s

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> WebReply:
        """Return what is at *url*."""
        return self._ask("GET", url, None, headers or {})

    def post(
        self, url: str, body: bytes, headers: Mapping[str, str] | None = None
    ) -> WebReply:
        """Send *body* to *url* and return the answer."""
        return self._ask("POST", url, body, headers or {})

    def _ask(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]
    ) -> WebReply:
        parts = _read(url)
        host = str(parts.hostname)
        port = parts.port or _PORTS[parts.scheme]
        address = self._judged(host, port, parts.scheme)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        tls = self._tls() if parts.scheme == "https" else None
        connection = _Pinned(host, port, address, tls)
        try:
            with _in_time(connection, self._total_s):
                connection.request(method, target, body, dict(headers))
                answer = connection.getresponse()
                data = answer.read(MAX_BYTES + 1)
        except TimeoutError:
            raise TimedOut(f"{host} did not answer in time") from None
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(f"{host} cannot be reached: {_why(error)}") from None
        except ValueError:
            raise Invalid(f"this cannot be sent to {host} in a header") from None
        finally:
            connection.close()
        if len(data) > MAX_BYTES:
            raise Invalid(f"{host} answered with more than {MAX_BYTES} bytes")
        told = {name.lower(): value for name, value in answer.getheaders()}
        return WebReply(status=answer.status, headers=told, body=data)

    def _judged(self, host: str, port: int, scheme: str) -> str:
        """Return the address to connect to; raise Invalid if one of them is inside."""
        try:
            found = list(self._resolve(host, port))
        except (OSError, UnicodeError):
            found = []
        if not found:
            raise Unavailable(f"no host is called {host}")
        if host.lower() in self._private:
            return found[0]
        if scheme != "https":
            raise Invalid(
                f"{host} is asked without TLS",
                hint="write https://; only hosts in ROADBED_PRIVATE_HOSTS go without",
            )
        if not all(is_public(address) for address in found):
            raise Invalid(
                f"{host} is inside a private network",
                hint="if it should be asked all the same, name it in "
                "ROADBED_PRIVATE_HOSTS",
            )
        return found[0]


class _Pinned(http.client.HTTPConnection):
    """A connection to an address that was judged, under the name that was asked."""

    def __init__(
        self, host: str, port: int, address: str, tls: ssl.SSLContext | None
    ) -> None:
        super().__init__(host, port, timeout=SECONDS)
        self._address = address
        self._tls = tls

    def connect(self) -> None:
        """Connect to the address, and prove the name with TLS."""
        self.sock = socket.create_connection((self._address, self.port), SECONDS)
        if self._tls is not None:
            secured = self._tls.wrap_socket(
                self.sock, server_hostname=self.host, do_handshake_on_connect=False
            )
            self.sock = secured
            secured.do_handshake()

    def cut(self) -> None:
        """End the connection, whoever waits on it."""
        if self.sock is not None:
            with suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)


@contextmanager
def _in_time(connection: _Pinned, seconds: float) -> Iterator[None]:
    """Cut *connection* after so many seconds, and raise TimeoutError then."""
    late = threading.Event()

    def cut() -> None:
        late.set()
        connection.cut()

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (OSError, http.client.HTTPException, ValueError):
        if late.is_set():
            raise TimeoutError from None
        raise
    finally:
        timer.cancel()
    if late.is_set():
        raise TimeoutError


def _read(url: str) -> SplitResult:
    try:
        parts = urlsplit("" if _UNSEEN.search(url) else url)
        sound = parts.scheme in _PORTS and parts.hostname and parts.port != 0
    except ValueError:
        sound, parts = False, None
    if not sound or parts is None or parts.username is not None or not url.isascii():
        raise Invalid("this is no address of a web page", hint="write https://host/…")
    return parts


def _resolve(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__


web = GuardedWeb
