"""The SQL of rollouts: where each is, how it came there, and what replicas saw."""

import sqlalchemy as sa

from roadbed.database.tables import Json, metadata, moment

rollouts = sa.Table(
    "rollouts",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("endpoint", sa.Text, nullable=False),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("declared", sa.Text, nullable=False),
    sa.Column("old", sa.Text, nullable=False),
    sa.Column("new", sa.Text, nullable=False),
    sa.Column("old_digest", sa.Text, nullable=False),
    sa.Column("new_digest", sa.Text, nullable=False),
    sa.Column("spec", Json, nullable=False),
    sa.Column("plan", Json, nullable=False),
    sa.Column("state", Json, nullable=False),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column("phase", sa.Text, nullable=False),
    sa.Column("active", sa.Text, nullable=True, unique=True),
    sa.Column("snapshot", sa.BigInteger, nullable=False),
    sa.Column("started_by", sa.Text, nullable=False),
    moment("started_us"),
    moment("changed_us"),
    sa.Index("ix_rollouts_endpoint_started", "endpoint", "started_us"),
)
"""One row for each change of what an endpoint serves: from `old` to `new`, while the
stack pinned `declared`. `active` is the endpoint's name until it is over, then NULL, so
there is one at a time; `revision` is compared before each change."""

rollout_changes = sa.Table(
    "rollout_changes",
    metadata,
    sa.Column("rollout", sa.Text, sa.ForeignKey("rollouts.id"), primary_key=True),
    sa.Column("revision", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("phase", sa.Text, nullable=False),
    sa.Column("step", sa.Integer, nullable=False),
    sa.Column("weight", sa.Integer, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("evidence", Json, nullable=False),
    sa.Column("evidence_digest", sa.Text, nullable=False),
    moment("at_us"),
)
"""Every transition, in order: who or what did it, why, and on what evidence."""

rollout_tallies = sa.Table(
    "rollout_tallies",
    metadata,
    sa.Column("rollout", sa.Text, sa.ForeignKey("rollouts.id"), primary_key=True),
    sa.Column("replica", sa.Text, primary_key=True),
    sa.Column("at_us", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
)
"""What one replica saw in one moment, unit by unit, until a look has taken it in."""

rollout_units = sa.Table(
    "rollout_units",
    metadata,
    sa.Column("rollout", sa.Text, sa.ForeignKey("rollouts.id"), primary_key=True),
    sa.Column("unit", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column("sides", sa.Integer, nullable=False),
    sa.Column("bad_old", sa.Integer, nullable=False),
    sa.Column("bad_new", sa.Integer, nullable=False),
    moment("bad_us"),
)
"""Units that were seen, so that each is held to the share of its arm once, counts once
in each step, and is bad once: `revision` is that of the rollout when it counted last,
-1 if it never did; `sides` and what it was bad under at each are the bits of
`rollouts.units`, and `bad_us` is since when it is not at risk for that."""

rollout_lone = sa.Table(
    "rollout_lone",
    metadata,
    sa.Column("rollout", sa.Text, sa.ForeignKey("rollouts.id"), primary_key=True),
    sa.Column("side", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("bad", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("units", sa.BigInteger, nullable=False),
)
"""How many calls there were that are units of their own, by side and what they were bad
under, in the bits of `rollouts.units`."""

rollout_replicas = sa.Table(
    "rollout_replicas",
    metadata,
    sa.Column("rollout", sa.Text, sa.ForeignKey("rollouts.id"), primary_key=True),
    sa.Column("replica", sa.Text, primary_key=True),
    sa.Column("serving", sa.BigInteger, nullable=False),
    sa.Column("weight", sa.Integer, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    moment("seen_us"),
)
"""What a replica serves of a rollout: `weight` of 10,000 units get the newer version,
and its `state` is `ready`, `failed` (for a `reason`) or `absent`."""

rollout_looks = sa.Table(
    "rollout_looks",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("holder", sa.Text, nullable=False),
    moment("until_us"),
)
"""Who looks at all rollouts, under the name `*`, and until when nobody else does. Under
the id of a rollout, until when what was said of its answers has been taken in."""
