"""Secrets in AWS Secrets Manager: `secret://aws-sm/prod/openai#api_key`.

What comes after `#` is a key of the JSON object that the secret is; without it, the
whole text. Who we are is found as AWS's own tools find it: a role of the machine or
of the service account, or a profile. Proved against an emulator (moto), not AWS.
"""

import json
import re
from typing import TYPE_CHECKING, Any

from roadbed.core.errors import Invalid, NotFound, RoadbedError, Unavailable
from roadbed.core.secret import Secret
from roadbed.settings import Settings

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

SECONDS = 5
_NAME = re.compile(r"[A-Za-z0-9/_+=.@:-]{1,512}")
_NONE = ("ResourceNotFoundException", "InvalidRequestException")
_OURS = ("AccessDeniedException", "UnrecognizedClientException", "DecryptionFailure")


class AwsSecrets:
    """The secrets that *client*, of boto3's `secretsmanager`, may read."""

    lifetime_s = 60.0

    def __init__(self, client: Any) -> None:
        self._client = client

    def __repr__(self) -> str:
        return "AwsSecrets()"

    def fetch(self, path: str) -> Secret:
        """Return the version AWSCURRENT of the secret at *path*."""
        found = self._get(path, "AWSCURRENT")
        if found is None:
            raise NotFound(
                f"there is no secret://aws-sm/{path[:200]}",
                hint="`aws secretsmanager list-secrets` says what there is; after # "
                "comes a key of its JSON",
            )
        return found

    def previous(self, path: str) -> Secret | None:
        """Return the version AWSPREVIOUS, None if the secret was never rotated."""
        return self._get(path, "AWSPREVIOUS")

    def _get(self, path: str, stage: str) -> Secret | None:
        from botocore.exceptions import BotoCoreError, ClientError

        name, _, key = path.partition("#")
        if not _NAME.fullmatch(name) or {".", ".."} & set(name.split("/")):
            return None
        try:
            found = self._client.get_secret_value(SecretId=name, VersionStage=stage)
        except ClientError as error:
            failure = _failure(error, name)
        except BotoCoreError as error:
            failure = Unavailable(
                f"AWS Secrets Manager cannot be asked: {type(error).__name__}",
                hint="check ROADBED_AWS_REGION and the role of this process",
            )
        else:
            return _chosen(found.get("SecretString"), name, key)
        if failure is None:
            return None
        raise failure


def _failure(error: "ClientError", name: str) -> RoadbedError | None:
    code = str(error.response.get("Error", {}).get("Code", ""))
    if code in _NONE:
        return None
    if code in _OURS:
        return Unavailable(
            f"AWS does not let this process read {name} ({code})",
            hint="grant secretsmanager:GetSecretValue, and kms:Decrypt on its key",
        )
    return Unavailable(f"AWS Secrets Manager failed: {code[:60]}")


def _chosen(text: str | None, name: str, key: str) -> Secret | None:
    """Return what *key* names inside *text*, or the whole of it without a key."""
    if not text:
        raise Invalid(f"secret://aws-sm/{name} is bytes, and not text")
    if not key:
        return Secret(text)
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    chosen = value.get(key) if isinstance(value, dict) else None
    return Secret(chosen) if isinstance(chosen, str) and chosen else None


def source(settings: Settings) -> AwsSecrets:
    """Return the secrets of the region that the settings, or AWS's own, name."""
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError
    except ImportError:
        raise Invalid(
            "secret://aws-sm/… needs boto3", hint="install the extra: roadbed[aws]"
        ) from None
    config = Config(
        connect_timeout=SECONDS, read_timeout=SECONDS, retries={"total_max_attempts": 2}
    )
    try:
        client = boto3.client(
            "secretsmanager",
            region_name=settings.aws_region or None,
            endpoint_url=settings.aws_endpoint or None,
            config=config,
        )
    except (BotoCoreError, ValueError):
        client = None
    if client is None:
        raise Invalid(
            "AWS Secrets Manager is not configured", hint="set ROADBED_AWS_REGION"
        )
    return AwsSecrets(client)
