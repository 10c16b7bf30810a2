"""Keys in AWS KMS, under aliases that begin with `alias/roadbed-token-`.

Which account and region: as boto3 finds them. Proved against moto's server, an
emulator, and not against AWS itself.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import utils
from joserfc.jwk import ECKey

from roadbed.core.errors import Corrupt, NotFound, Unavailable

ALIAS = "alias/roadbed-token-"
DELETION_DAYS = 7


class AwsKmsSigners:
    """Makes keys in KMS and has it sign; a key is found by its alias.

    Raises Unavailable if KMS cannot be reached or does not let us.
    """

    def __init__(self, endpoint: str | None = None) -> None:
        self._endpoint = endpoint
        self._held: dict[str, bool] = {}
        self._made: Any = None

    def create(self) -> Mapping[str, Any]:
        """Make a key in KMS and return its public half."""
        made = self._do(
            "create_key",
            KeySpec="ECC_NIST_P256",
            KeyUsage="SIGN_VERIFY",
            Description="Signs access tokens of Roadbed.",
        )
        key_id = made["KeyMetadata"]["KeyId"]
        der = self._do("get_public_key", KeyId=key_id)["PublicKey"]
        pem = serialization.load_der_public_key(der).public_bytes(
            serialization.Encoding.PEM,
            serialization.PublicFormat.SubjectPublicKeyInfo,
        )
        public = ECKey.import_key(pem)
        kid = public.thumbprint()
        self._do("create_alias", AliasName=ALIAS + kid, TargetKeyId=key_id)
        self._held[kid] = True
        about = {"kid": kid, "alg": "ES256", "use": "sig"}
        return dict(public.as_dict(private=False)) | about

    def holds(self, kid: str) -> bool:
        """Say whether KMS has an alias for *kid*; asked once, as aliases come first."""
        if kid not in self._held:
            try:
                self._do("describe_key", KeyId=ALIAS + kid)
                self._held[kid] = True
            except NotFound:
                self._held[kid] = False
        return self._held[kid]

    def sign(self, kid: str, data: bytes) -> bytes:
        """Return the signature over *data*."""
        answer = self._do(
            "sign",
            KeyId=ALIAS + kid,
            Message=data,
            MessageType="RAW",
            SigningAlgorithm="ECDSA_SHA_256",
        )
        try:
            r, s = utils.decode_dss_signature(answer["Signature"])
        except ValueError:
            raise Corrupt("KMS returned something that is no signature") from None
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def forget(self, kid: str) -> None:
        """Drop the alias, and have KMS destroy the key in seven days."""
        try:
            described = self._do("describe_key", KeyId=ALIAS + kid)
        except NotFound:
            return
        self._held[kid] = False
        key_id = described["KeyMetadata"]["KeyId"]
        self._do("delete_alias", AliasName=ALIAS + kid)
        self._do(
            "schedule_key_deletion", KeyId=key_id, PendingWindowInDays=DELETION_DAYS
        )

    def _do(self, action: str, **words: Any) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return getattr(self._client(), action)(**words)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code in ("NotFoundException", "ValidationException"):
                raise NotFound("KMS has no such key") from None
            raise Unavailable(f"KMS refused {action}: {code}") from None
        except BotoCoreError as error:
            raise Unavailable(
                f"KMS cannot be used: {type(error).__name__}",
                hint="boto3 needs a region and credentials, best those of a role",
            ) from None

    def _client(self) -> Any:
        if self._made is None:
            try:
                import boto3
            except ImportError:
                raise NotFound(
                    "the keys of tokens are in AWS KMS, and boto3 is not installed",
                    hint="install roadbed with the extra `aws`",
                ) from None
            self._made = boto3.client("kms", endpoint_url=self._endpoint)
        return self._made


def signers(_folder: Path) -> AwsKmsSigners:
    """Return the keys in the account and region that boto3 finds."""
    return AwsKmsSigners()
