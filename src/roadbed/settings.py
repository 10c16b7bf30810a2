"""The only reader of the environment: one model, from which the manual is made."""

import ipaddress
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from roadbed.core.errors import Invalid, Problem, Unauthenticated

PREFIX = "ROADBED_"
STATE_DIRECTORY = ".roadbed"
KEY_FILE = "operator.key"
"""Where `roadbed login` keeps a key, in the state directory."""

_PASSWORD = re.compile(r"(://[^/@]*?:)[^/]*(@)|(?<=password=)[^&]*")


class Settings(BaseModel):
    """What differs between machines. Everything else is declared in the stack."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: Path = Field(
        description="Directory of the embedded state: database, spool, blobs, keys. "
        "Default: `.roadbed` in the nearest folder above that has one."
    )
    database: str = Field(
        default="",
        repr=False,
        description="Database URL, `sqlite:///…` or `postgresql://…`. "
        "Default: a SQLite file in the state directory.",
    )
    region: str = Field(
        default="local",
        pattern=r"^[a-z][a-z0-9-]{0,30}$",
        description="The region this process runs in; part of every call id.",
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8321, ge=0, le=65535, description="Port to listen on.")
    public_url: str = Field(
        default="",
        pattern=r"^(https?://[^\s/?#]+/?)?$",
        description="The address people reach the console at, such as "
        "https://roadbed.example.com: identity providers lead back there. "
        "Default: http:// with the host and the port.",
    )
    signer: str = Field(
        default="local",
        pattern=r"^[a-z][a-z0-9-]{0,30}$",
        description="Where the private keys of tokens are: `local`, files in the state "
        "directory, or `aws-kms`.",
    )
    private_hosts: str = Field(
        default="",
        description="Hosts inside a private network that may be asked all the same, "
        "such as your identity provider, with commas between them.",
    )
    profile: Literal["", "development", "production"] = Field(
        default="",
        description="`development` or `production`. In production secret://env/… is "
        "refused. Default: development while the server listens on this machine only.",
    )
    allowed_hosts: str = Field(
        default="",
        description="Names under which this server may be asked, besides its address, "
        "with commas between them, such as the name that a proxy in front has.",
    )
    vault_address: str = Field(
        default="", description="Where Vault or OpenBao is: `https://vault:8200`."
    )
    vault_auth: Literal["token", "approle", "kubernetes"] = Field(
        default="token", description="How this process proves itself to Vault."
    )
    vault_role: str = Field(
        default="",
        description="The role to log in to Vault with: of Kubernetes, or an AppRole's "
        "role id.",
    )
    vault_credentials: Path | None = Field(
        default=None,
        description="The file with the token, the AppRole's secret id, or the "
        "Kubernetes token (default: the service account's).",
    )
    vault_kv: Literal["1", "2"] = Field(
        default="2", description="The version of Vault's key-value engine."
    )
    vault_ca: Path | None = Field(
        default=None,
        description="The certificates that Vault's is signed by. Default: the public "
        "ones.",
    )
    aws_region: str = Field(
        default="",
        description="The region of AWS Secrets Manager. Default: what AWS's own "
        "variables and files say.",
    )
    aws_endpoint: str = Field(
        default="",
        description="Where AWS Secrets Manager is, if it is not where AWS says.",
    )
    age_identity: Path | None = Field(
        default=None,
        description="The file with the age identity that decrypts secret://age/…; "
        "keep it out of Git.",
    )
    audit_copies: str = Field(
        default="",
        description="Places that also get each checkpoint of the audit log, with "
        "commas between: `git:/path/to/clone`, `folder:/path`, `s3://bucket/prefix`, "
        "or an address `https://…` that it is posted to.",
    )
    rollout_look_s: float = Field(
        default=5.0,
        ge=0.05,
        le=3600,
        description="How often rollouts are looked at, in seconds.",
    )
    max_body_bytes: int = Field(
        default=32 * 1024 * 1024,
        ge=1024,
        description="Largest request body that is accepted, in bytes.",
    )
    cache_bytes: int = Field(
        default=8 * 1024 * 1024,
        ge=0,
        description="Room for answers that are kept in memory, in bytes.",
    )
    max_calls: int = Field(
        default=1000,
        ge=1,
        description="How many calls may be under way at once; those of low priority "
        "are turned away when half of them are.",
    )
    seal_bytes: int = Field(
        default=64 * 1024 * 1024,
        ge=1024,
        description="Seal the spool to Parquet when it is larger than this, in bytes.",
    )
    seal_seconds: float = Field(
        default=60.0,
        gt=0,
        description="Seal the spool to Parquet when it is older than this, in seconds.",
    )
    otlp_endpoint: str = Field(
        default="",
        pattern=r"^(https?://[^\s/?#@]+(/[^\s?#]*)?)?$",
        description="Where finished calls are sent as OpenTelemetry traces, such as "
        "http://localhost:4318 (OTLP over HTTP). Default: nowhere.",
    )
    otlp_headers: str = Field(
        default="",
        pattern=r"^(secret://[a-z][a-z0-9-]*/\S+)?$",
        description="The secret whose value is the headers that go there, "
        "`name=value` with commas between, as a reference: secret://file/otlp.",
    )
    log_format: Literal["text", "json"] = Field(
        default="text",
        description="How the server writes its own log on standard error: lines for "
        "people, or a JSON object a line.",
    )
    run: str = Field(
        default="",
        description="The run that this process takes part in. `roadbed run` sets it "
        "for the program that it starts.",
    )
    pins: str = Field(
        default="",
        pattern=r"^([a-z][a-z0-9-]{0,62}@[1-9][0-9]{0,8}(,|$))*$",
        description="Versions of datasets that are read whatever the code says, with "
        "commas between, such as tumors@5. `roadbed retrain` sets it for what it "
        "starts.",
    )
    key: str = Field(
        default="",
        repr=False,
        description="The service-account key the command line acts with. "
        "Default: the one `roadbed login` kept in the state directory.",
    )

    @property
    def database_url(self) -> str:
        """Return the database URL, with the default filled in."""
        return self.database or f"sqlite:///{self.state / 'control.db'}"

    @property
    def public_address(self) -> str:
        """Return the address people reach the console at; no slash ends it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (self.public_url or f"http://{host}:{self.port}").rstrip("/")

    @property
    def in_production(self) -> bool:
        """Say whether this is production: told so, or open to other machines."""
        if self.profile:
            return self.profile == "production"
        return not is_loopback(self.host)

    @property
    def allowed_host_names(self) -> tuple[str, ...]:
        """Return the further names this server is known by, the public one too."""
        public = urlsplit(self.public_url).hostname or ""
        names = (name.strip() for name in (*self.allowed_hosts.split(","), public))
        return tuple(name for name in names if name)

    def shown(self, name: str) -> str:
        """Return the value of the setting *name* as text, with secrets masked."""
        value = getattr(self, name)
        if name == "key":
            return "****" if value else ""
        if name == "database":
            return _PASSWORD.sub(r"\1****\2", value)
        return "" if value is None else str(value)

    @property
    def private_host_names(self) -> tuple[str, ...]:
        """Return the private hosts that may be asked, one by one."""
        names = (name.strip() for name in self.private_hosts.split(","))
        return tuple(name for name in names if name)

    @property
    def pinned(self) -> dict[str, int]:
        """Return the number of the version that each pinned dataset is read at."""
        pairs = (pin.split("@") for pin in self.pins.split(",") if pin)
        return {name: int(number) for name, number in pairs}

    @property
    def audit_copy_addresses(self) -> tuple[str, ...]:
        """Return the places for copies of checkpoints, one by one."""
        names = (name.strip() for name in self.audit_copies.split(","))
        return tuple(name for name in names if name)

    def own_key(self) -> str:
        """Return the key of whoever works here; raise Unauthenticated if none is kept.

        The setting `key` goes before the file that `roadbed login` wrote.
        """
        if self.key:
            return self.key
        try:
            return (self.state / KEY_FILE).read_text("ascii").strip()
        except UnicodeDecodeError:
            raise Unauthenticated(
                f"{KEY_FILE} in the state directory holds no key",
                hint="run `roadbed login` again",
            ) from None
        except FileNotFoundError:
            raise Unauthenticated(
                "you are not logged in",
                hint="run `roadbed login` with the bootstrap token, or set ROADBED_KEY",
            ) from None


def load(
    environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> Settings:
    """Read settings from `ROADBED_*` variables; raise Invalid naming the bad one."""
    variables = os.environ if environment is None else environment
    given = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in variables.items()
        if name.startswith(PREFIX) and value
    }
    given.setdefault("state", str(find_state(folder or Path.cwd())))
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        raise Invalid(
            "a setting is wrong", problems=tuple(_problem(e) for e in error.errors())
        ) from None


def is_loopback(host: str) -> bool:
    """Say whether *host* is an address that only this machine can reach."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def environment() -> Mapping[str, str]:
    """Return the process's environment, for the one adapter that resolves from it."""
    return os.environ


def find_state(folder: Path) -> Path:
    """Return the nearest state directory at or above *folder*, or where it would be."""
    for parent in (folder, *folder.parents):
        if (parent / STATE_DIRECTORY).is_dir():
            return parent / STATE_DIRECTORY
    return folder / STATE_DIRECTORY


def _problem(error: object) -> Problem:
    assert isinstance(error, dict)
    name = PREFIX + ".".join(str(part) for part in error["loc"]).upper()
    return Problem(field=name, message=error["msg"], hint="see `roadbed settings`")
