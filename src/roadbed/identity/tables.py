"""The tables of keys, bootstrap tokens, sign-ins and sessions. None holds a secret."""

import sqlalchemy as sa

from roadbed.database.tables import Json, metadata, moment

keys = sa.Table(
    "access_keys",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("account", sa.Text, nullable=False, index=True),
    sa.Column("digest", sa.Text, nullable=False, unique=True),
    moment("created_us"),
    sa.Column("created_by", sa.Text, nullable=False),
    moment("expires_us"),
    moment("revoked_us", nullable=True),
    sa.Column("revoked_by", sa.Text, nullable=True),
)
"""One row per key of a service account; `digest` is the SHA-256 of the whole key."""

bootstraps = sa.Table(
    "access_bootstraps",
    metadata,
    sa.Column("digest", sa.Text, primary_key=True),
    moment("created_us"),
    moment("expires_us"),
    moment("used_us", nullable=True),
)
"""One row per bootstrap token; used once, it is never accepted again."""

sessions = sa.Table(
    "access_sessions",
    metadata,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("key_digest", sa.Text, nullable=False, index=True),
    sa.Column("principal", sa.Text, nullable=False),
    moment("created_us"),
    moment("expires_us"),
)
"""One row per open console session, tied to the key that opened it."""

signing_keys = sa.Table(
    "identity_signing_keys",
    metadata,
    sa.Column("kid", sa.Text, primary_key=True),
    sa.Column("jwk", Json, nullable=False),
    moment("created_us"),
    moment("expires_us"),
    moment("retired_us", nullable=True),
)
"""One row per key that signs our tokens: its public half. Each replica has its own."""

revocations = sa.Table(
    "identity_revocations",
    metadata,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    moment("revoked_us", index=True),
    sa.Column("revoked_by", sa.Text, nullable=False),
)
"""One row per token (`kind` is jti) or subject whose tokens ended before their time:
all of a subject's that were made until `revoked_us`."""

signins = sa.Table(
    "identity_signins",
    metadata,
    sa.Column("state", sa.Text, primary_key=True),
    sa.Column("browser", sa.Text, nullable=False),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("back", sa.Text, nullable=False),
    sa.Column("again", sa.Boolean, nullable=False),
    moment("created_us"),
    moment("expires_us", index=True),
)
"""One row per sign-in under way, so that any replica can finish it.

`state` and `browser` are digests: of what came with the request, and of the cookie of
the browser that began. What proves the sign-in is made from the two and kept nowhere.
"""

person_sessions = sa.Table(
    "identity_sessions",
    metadata,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("issuer", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False, index=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("groups", Json, nullable=False),
    sa.Column("methods", Json, nullable=False),
    moment("authenticated_us"),
    moment("created_us"),
    moment("expires_us"),
)
"""One row per open console session of a person, with what the provider said of them."""
