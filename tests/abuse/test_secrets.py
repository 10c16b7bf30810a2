"""What is secret stays secret, whatever goes wrong around it."""

import json
import os
import re
import subprocess
import sys
import traceback
import urllib.request
from types import UnionType
from typing import Union, get_args, get_origin

import duckdb
import pyrage
import pytest

import roadbed.adapters.providers
from roadbed.app import PROVIDERS
from roadbed.control.kinds import all_kinds
from roadbed.core import plugins
from roadbed.core.secret import Secret, SecretRef
from roadbed.settings import Settings
from roadbed.testing.upstream import BEHAVIOURS, Upstream
from tests.acceptance.line import BIN, Line, fetch
from tests.console.served import Visitor

MINIMAL = {
    "Dataset": {
        "owner": "team",
        "licence": "proprietary",
        "classification": "internal",
        "purposes": ["tests"],
        "source": "a database",
    },
    "Provider/azure": {"base_url": "https://example.openai.azure.com"},
    "Provider/bedrock": {"region": "eu-central-1"},
    "Provider/gemini": {},
    "Provider/openai": {"private": True},
    "Provider/anthropic": {},
    "Provider/oip": {"base_url": "https://models.example.com"},
    "IdentityProvider": {"issuer": "https://id.example.com", "client_id": "console"},
}
"""What else a resource needs that has a slot for a secret."""
ALONE = {"Provider/bedrock.api_key"}
"""Slots that stand in place of others, and so in a resource of their own."""
FAULTS = ["well", "401", "422-echo", "500", "redirect", "abort", "malformed-json"]
MARKER = SecretRef.__metadata__[0]


def is_slot(field):
    """Say whether a field holds the reference of a secret."""
    return MARKER in field.metadata or _mentions(field.annotation)


def _mentions(annotation):
    if getattr(annotation, "__metadata__", ()) and MARKER in annotation.__metadata__:
        return True
    inside = get_origin(annotation) in (Union, UnionType, list, tuple, dict)
    return inside and any(map(_mentions, get_args(annotation)))


def slots():
    """Return every field for a secret, of every kind and every type of provider."""
    models = dict(all_kinds())
    for name in plugins.names(roadbed.adapters.providers, PROVIDERS):
        module = plugins.find(roadbed.adapters.providers, PROVIDERS, name)
        models[f"Provider/{name}"] = module.Config
    return {
        f"{model}.{name}": (model, name)
        for model, spec in models.items()
        for name, field in spec.model_fields.items()
        if is_slot(field)
    }


def test_the_slots_for_secrets_are_found_by_themselves():
    """Case 21: a new field for a secret is covered, or this test says it is not."""
    found = slots()

    assert {"Provider/openai.api_key", "IdentityProvider.client_secret"} <= set(found)
    assert {model for model, _ in found.values()} <= set(MINIMAL)


def stack_with_canaries(line, upstream):
    """Write a resource for each slot and a canary behind each; return the canaries."""
    folder = line.folder / ".roadbed" / "secrets"
    folder.mkdir(mode=0o700)
    canaries, documents = {}, {}
    for number, (slot, (model, name)) in enumerate(sorted(slots().items())):
        canaries[slot] = f"canary{number}" + os.urandom(12).hex()
        (folder / f"slot-{number}").write_text(canaries[slot])
        resource = slot if slot in ALONE else model
        spec = documents.setdefault(resource, dict(MINIMAL[model]))
        spec[name] = f"secret://file/slot-{number}"
    documents["Provider/openai"]["base_url"] = upstream.url
    for number, (model, spec) in enumerate(documents.items()):
        kind, _, of = model.partition(".")[0].partition("/")
        document = {
            "apiVersion": "roadbed/v1",
            "kind": kind,
            "metadata": {"name": f"guarded-{number}"},
            "spec": {"type": of, "config": spec} if of else spec,
        }
        (line.folder / f"guarded-{number}.yaml").write_text(json.dumps(document))
    provider = list(documents).index("Provider/openai")
    (line.folder / "bot.yaml").write_text(BOT.format(provider=f"guarded-{provider}"))
    return canaries


BOT = """
apiVersion: roadbed/v1
kind: Model
metadata: {{name: bot}}
spec:
  owner: team
  hosted: {{provider: {provider}, upstream: gpt-4o-2024-08-06}}
---
apiVersion: roadbed/v1
kind: Endpoint
metadata: {{name: bot}}
spec: {{model: bot@1, deadline_ms: 2000, keep_payloads: true}}
"""
LOUD = (
    "import logging, sys\n"
    "logging.basicConfig(level=0, stream=sys.stderr)\n"
    "logging.debug('every record is written')\n"
    "from roadbed.cli import main\n"
    "main(['up'])\n"
)


class LoudLine(Line):
    """A line whose server writes every log record of every library."""

    up_words = (sys.executable, "-c", LOUD)


def use(line, key, wrong):
    """Use everything there is, well and badly; return all that was said."""
    said = []
    paths = list(json.loads(line.get("/api/openapi.json", key)[1])["paths"])
    for stream in (False, True):
        for _ in FAULTS:
            body = {
                "model": "bot",
                "stream": stream,
                "messages": [{"role": "user", "content": "hello"}],
            }
            said += post(line, "/v1/chat/completions", key, body)
    said += post(line, "/v1/chat/completions", wrong, {})
    said += post(line, "/v1/chat/completions", key, {"messages": 1})
    said += post(line, "/v2/models/bot/infer", key, {"inputs": []})
    for path in paths:
        said.append(line.get(re.sub(r"\{\w+\}", "bot", path), key)[1])
    said += [line.get(path)[1] for path in ("/metrics", "/healthz", "/nothing")]
    return said


def post(line, path, key, body):
    request = urllib.request.Request(
        line.base + path,
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {key}"},
    )
    status, answered = fetch(request)
    return [str(status).encode(), answered]


def look_at_the_console(line, key):
    """Sign in, look at every page, and return what was said, and the cookie."""
    visitor = Visitor(line)
    said = [visitor.sign_in(key)]
    cookie = next(v for n, v in visitor.cookies.items() if "session" in n)
    pages = ("", "/calls", "/endpoints", "/endpoints/bot", "/resources", "/audit")
    chain = ("/models", "/models/bot", "/models/bot/1", "/datasets", "/runs")
    for page in (*pages, *chain):
        said.append(visitor.get(f"/console{page}"))
    links = re.findall(r'href="(/console/[^"]+)"', "".join(r.text for r in said))
    said += [visitor.get(link) for link in sorted(set(links))[:12]]
    return ["".join(map(repr, said)).encode()], cookie


COMMANDS = (
    *("plan", "doctor", "settings", "secret check", "calls list -o json"),
    *("audit list", "key list", "--traceback model get nothing"),
)


def command_line(line, call):
    said = []
    for words in (
        *COMMANDS,
        f"why {call}",
        f"calls get {call}",
        "audit export export.tar",
    ):
        done = subprocess.run(
            [BIN / "roadbed", *words.split()],
            cwd=line.folder,
            env=line.environment,
            capture_output=True,
            check=False,
            timeout=120,
        )
        said += [done.stdout, done.stderr]
    return said


def kept(folder):
    """Yield every file that Roadbed wrote, by name; Parquet as what stands in it."""
    for file in sorted(folder.rglob("*")):
        if file.suffix == ".parquet":
            with duckdb.connect() as own:
                rows = own.execute(f"select * from read_parquet('{file}')").fetchall()
            yield file, repr(rows).encode() + file.read_bytes()
        elif file.is_file():
            yield file, file.read_bytes()


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    """A server's whole life; what it said, what it keeps, and what nobody may see."""
    line = LoudLine(tmp_path_factory.mktemp("canary") / "line", seal_seconds="1")
    with Upstream(*(FAULTS * 40)) as upstream:
        line.folder.mkdir()
        line.run("init", ".")
        bootstrap = (line.folder / ".roadbed" / "bootstrap-token").read_text().strip()
        canaries = stack_with_canaries(line, upstream)
        said = [line.run("login", stdin=bootstrap).encode()]
        said.append(line.run("plan").encode())
        said.append(line.run("apply", "--yes").encode())
        canaries["bootstrap token"] = bootstrap
        canaries["unknown key"] = "rbk_0123456789ab_" + os.urandom(16).hex()
        line.up()
        canaries["an application's key"] = line.key("demo-app")
        own = (line.folder / ".roadbed" / "operator.key").read_text().strip()
        canaries["the operator's key"] = own
        said += use(line, own, canaries["unknown key"])
        said += line.ask(canaries["an application's key"], model="bot")[2:]
        shown, canaries["session cookie"] = look_at_the_console(line, own)
        _, call, body = line.ask(own, model="bot")
        said += [*shown, body, *command_line(line, call)]
        line.stop()
        asked = [r.headers["authorization"] for r in upstream.requests]
    for file in (line.folder / ".roadbed").rglob("*.pem"):
        text = file.read_text()
        for number, part in enumerate(text.splitlines()):
            if "PRIVATE" in text and not part.startswith("-----"):
                canaries[f"{file.name} {number}"] = part
    return said, list(kept(line.folder)), canaries, asked


OWN_PLACES = (
    *("secrets/slot-", "operator.key", "signing-key.pem"),
    *("/tokens/", "/statements/"),
)
"""Where secrets are kept on purpose."""


def test_no_secret_is_in_anything_that_was_said(lived):
    """Case 21: answers, pages, metrics, plans, exports and tracebacks hold none."""
    said, _, canaries, asked = lived
    everything = b"\n".join(said)

    assert len(everything) > 100_000
    assert f"Bearer {canaries['Provider/openai.api_key']}" in asked
    assert len(canaries) > 7
    found = [slot for slot, value in canaries.items() if value.encode() in everything]
    assert found == []


def test_no_secret_is_in_anything_that_is_kept(lived):
    """Case 21: database, spool, Parquet, blobs, copies and debug logs hold none."""
    _, files, canaries, _ = lived
    names = [str(file) for file, _ in files]

    assert any(name.endswith(".parquet") for name in names)
    assert any(name.endswith("control.db") for name in names)
    assert any(
        b"every record" in data for file, data in files if file.name == "server.log"
    )
    for file, data in files:
        if any(place in str(file) for place in OWN_PLACES):
            continue
        found = [slot for slot, value in canaries.items() if value.encode() in data]
        assert found == [], file


def test_every_way_an_upstream_fails_is_part_of_the_life():
    """Case 21: the failures that could quote a key are among those that were tried."""
    quoting = {name for name, how in BEHAVIOURS.items() if "{key}" in (how.body or "")}

    assert quoting - {"403"} <= set(FAULTS)


def test_a_secret_shows_in_no_traceback_and_in_no_setting(tmp_path):
    """Case 21: `repr`, tracebacks with locals, and the settings mask what they hold."""
    secret = Secret("canary-88")
    url = "postgresql://me:canary-99@db.example/roadbed"
    settings = Settings(state=tmp_path, key="rbk_canary-77", database=url)
    try:
        raise RuntimeError(secret, settings)
    except RuntimeError as error:
        captured = traceback.TracebackException.from_exception(
            error, capture_locals=False
        )
        text = "".join(captured.format()) + repr(error)
    text += "".join(settings.shown(name) for name in Settings.model_fields)

    assert "canary" not in text
    assert "db.example" in text


def test_an_age_identity_decrypts_and_is_shown_nowhere(tmp_path):
    """Case 21: `roadbed secret check` says ok, or what is wrong, and never a value."""
    line = Line(tmp_path / "line", age_identity=str(tmp_path / "identity"))
    line.folder.mkdir()
    line.run("init", ".")
    line.run("login", stdin=(line.folder / ".roadbed/bootstrap-token").read_text())
    key = pyrage.x25519.Identity.generate()
    (tmp_path / "identity").write_text(str(key))
    (line.folder / "secrets").mkdir()
    sealed = pyrage.encrypt(b"canary-66", [key.to_public()])
    (line.folder / "secrets" / "up.age").write_bytes(sealed)
    for name, reference in (("one", "age/up"), ("two", "vault/kv/x"), ("six", "env/X")):
        (line.folder / f"{name}.yaml").write_text(
            "apiVersion: roadbed/v1\nkind: Provider\n"
            f"metadata: {{name: {name}}}\nspec: {{type: openai, config: "
            f"{{api_key: 'secret://{reference}'}}}}\n"
        )
    line.run("apply", "--yes")

    said = line.run("secret", "check", code=1, ROADBED_PROFILE="production")

    assert "✓ secret://age/up  ok  (Provider/one)" in said
    assert "✗ secret://vault/kv/x  Vault is not configured" in said
    assert "✗ secret://env/X" in said and "this is production" in said
    assert "canary" not in said and str(key) not in said
