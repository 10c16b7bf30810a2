"""Real identity providers, started on this machine for as long as a test needs them."""

import json
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from tests.ports import free_port

HERE = Path(__file__).parent
SERVER = HERE / "server.mjs"
CLIENT, SECRET, CLI_CLIENT = "roadbed", "only-for-tests", "roadbed-cli"
ADA = {"sub": "2489", "name": "Ada", "email": "ada@example.com", "groups": ["eng"]}
GRACE = {"sub": "3107", "name": "Grace", "email": "ada@example.com", "groups": []}


class NodeIdp:
    """The npm package `oidc-provider`: code with PKCE, device flow, refresh tokens."""

    def __init__(self, folder, redirect_uri, users=(ADA, GRACE), **more):
        folder.mkdir(parents=True, exist_ok=True)
        self.config = folder / "idp.json"
        self.log = folder / "idp.log"
        told = {"users": list(users), "clients": clients(redirect_uri), **more}
        self.config.write_text(json.dumps(told))

    def __enter__(self):
        need_node()
        with self.log.open("w") as out:
            self._process = subprocess.Popen(
                ["node", SERVER, self.config], stdout=out, stderr=out
            )
        self.issuer = self._address()
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait(timeout=20)

    def put(self, sub, **claims):
        """Change what the ID tokens of *sub* say from now on."""
        send(self.issuer + f"/users/{sub}", json.dumps(claims).encode(), "PUT")

    def drop(self, sub):
        """Forget that there is a *sub*."""
        send(f"{self.issuer}/users/{sub}", None, "DELETE")

    def _address(self):
        for _ in range(1200):
            found = re.search(r"on (http://\S+)", self.log.read_text())
            if found:
                return found[1]
            assert self._process.poll() is None, self.log.read_text()
            time.sleep(0.05)
        raise AssertionError(f"no provider in 60 s\n{self.log.read_text()}")


def clients(redirect_uri):
    """Return the clients that the console and the command line need."""
    device = "urn:ietf:params:oauth:grant-type:device_code"
    return [
        {
            "client_id": CLIENT,
            "client_secret": SECRET,
            "redirect_uris": [redirect_uri],
        },
        {
            "client_id": CLI_CLIENT,
            "token_endpoint_auth_method": "none",
            "grant_types": [device, "refresh_token"],
            "response_types": [],
            "redirect_uris": [],
        },
        {
            "client_id": "job",
            "client_secret": "secret-of-the-job",
            "grant_types": ["client_credentials"],
            "response_types": [],
            "redirect_uris": [],
        },
    ]


def need_node():
    """Skip the test where the provider cannot be started."""
    if shutil.which("node") is None or not (HERE / "node_modules").is_dir():
        pytest.skip("the test provider needs node; `make test` installs its packages")


def send(url, data, method="POST", headers=()):
    """Send *data* to *url*; return status and body, whatever the status."""
    request = urllib.request.Request(
        url, data=data, method=method, headers=dict(headers)
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


class Browser:
    """Follows links and posts forms like a browser, without scripts, with cookies."""

    def __init__(self):
        self._cookies = urllib.request.HTTPCookieProcessor()

    def get(self, url):
        """Go to *url*; follow redirects; return the last address and its text."""
        return self._open(urllib.request.Request(url))

    def post(self, url, **fields):
        """Send a form; follow redirects; return the last address and its text."""
        data = urllib.parse.urlencode(fields).encode()
        return self._open(urllib.request.Request(url, data=data))

    def leads_to(self, url, prefix, **fields):
        """Return the first redirect that begins with *prefix*, which is not followed.

        Posts *fields*, if there are any.
        """
        stop = _Stop(prefix)
        opener = urllib.request.build_opener(self._cookies, stop)
        data = urllib.parse.urlencode(fields).encode() if fields else None
        try:
            with opener.open(urllib.request.Request(url, data=data), timeout=20) as end:
                raise AssertionError(f"ended at {end.url}: {end.read()[:400]}")
        except _Found as found:
            return found.url

    def _open(self, request):
        opener = urllib.request.build_opener(self._cookies)
        try:
            with opener.open(request, timeout=20) as answer:
                return answer.url, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.url, error.read().decode()


class _Found(Exception):
    def __init__(self, url):
        super().__init__(url)
        self.url = url


class _Stop(urllib.request.HTTPRedirectHandler):
    def __init__(self, prefix):
        self._prefix = prefix

    def redirect_request(self, request, file, code, message, headers, newurl):
        if newurl.startswith(self._prefix):
            raise _Found(newurl)
        return super().redirect_request(request, file, code, message, headers, newurl)


def sign_in_at(browser, address, redirect_uri, sub=ADA["sub"]):
    """Sign in as *sub* at the address of an authorization request.

    Return the callback's address, with code and state, which nobody has followed.
    """
    place, text = browser.get(address)
    form = re.search(r'action="([^"]+)"', text)
    assert form, f"{place}\n{text[:600]}"
    action = urllib.parse.urljoin(place, form[1])
    return browser.leads_to(action, redirect_uri, sub=sub)


def approve_device(browser, address, sub=ADA["sub"]):
    """Open the page that a device shows, confirm its code, and sign in as *sub*."""
    place, text = browser.get(address)
    for _ in range(4):
        form = re.search(r'action="([^"]+)"', text)
        if form is None or "interaction" in form[1]:
            break
        hidden = dict(re.findall(r'name="(\w+)" value="([^"]*)"', text))
        if 'name="confirm"' in text:
            hidden["confirm"] = "yes"
        hidden.pop("abort", None)
        action = urllib.parse.urljoin(place, form[1])
        place, text = browser.post(action, **hidden)
    if form is None:
        return text
    _, text = browser.post(urllib.parse.urljoin(place, form[1]), sub=sub)
    return text


class CanailleIdp:
    """The package `canaille`: code flow with a real login form, and no device flow."""

    def __init__(self, folder, redirect_uri):
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / "canaille.log"
        self._port = free_port()
        self.issuer = f"http://127.0.0.1:{self._port}"
        self._redirect_uri = redirect_uri

    def __enter__(self):
        words = [sys.executable, HERE / "canaille_server.py"]
        with self.log.open("w") as out:
            self._process = subprocess.Popen(
                [*words, str(self._port), self._redirect_uri], stdout=out, stderr=out
            )
        for _ in range(1200):
            if "provider on" in self.log.read_text():
                return self
            assert self._process.poll() is None, self.log.read_text()
            time.sleep(0.05)
        raise AssertionError(f"no provider in 60 s\n{self.log.read_text()}")

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait(timeout=20)

    def sign_in(self, browser, address):
        """Sign in with name and password; return the callback's address."""
        place, text = browser.get(address)
        for fields in ({"login": "ada"}, {"password": "correct horse battery"}):
            csrf = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', text)[1]
            if "login" in fields:
                place, text = browser.post(place, csrf_token=csrf, **fields)
        return browser.leads_to(
            place, self._redirect_uri, csrf_token=csrf, password="correct horse battery"
        )
