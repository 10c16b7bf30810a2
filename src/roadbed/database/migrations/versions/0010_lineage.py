"""Lineage as edges; the metrics, params, tags and artifacts of runs, one a row."""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    _edges()
    _points()
    _pairs("run_params")
    _pairs("run_tags")
    _artifacts()
    _fill(op.get_bind())


def _edges() -> None:
    names = ("src", "kind", "dst", "role")
    op.create_table(
        "edges",
        *(sa.Column(name, sa.Text(), nullable=False) for name in names),
        sa.PrimaryKeyConstraint(*names, name=op.f("pk_edges")),
    )
    op.create_index(op.f("ix_edges_dst"), "edges", ["dst"])


def _points() -> None:
    op.create_table(
        "run_points",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        _run(),
        sa.Column("key", sa.Text(), nullable=False),
        *_value(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run_points")),
    )
    op.create_index(
        "ix_run_points_run_id_key_step", "run_points", ["run_id", "key", "step"]
    )
    op.create_table(
        "run_latest",
        _run(),
        sa.Column("key", sa.Text(), nullable=False),
        *_value(),
        sa.PrimaryKeyConstraint("run_id", "key", name=op.f("pk_run_latest")),
    )
    op.create_index("ix_run_latest_key_value", "run_latest", ["key", "value"])


def _pairs(name: str) -> None:
    op.create_table(
        name,
        _run(),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "key", name=op.f(f"pk_{name}")),
    )
    op.create_index(f"ix_{name}_key_value", name, ["key", "value"])


def _artifacts() -> None:
    op.create_table(
        "run_artifacts",
        _run(),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.Boolean(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "path", name=op.f("pk_run_artifacts")),
    )


def _run() -> sa.Column[Any]:
    return sa.Column("run_id", sa.Text(), sa.ForeignKey("runs.id"), nullable=False)


def _value() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
    )


def _fill(connection: sa.Connection) -> None:
    """Write what the runs and versions that are there say already."""
    edge = sa.text("INSERT INTO edges VALUES (:src, :kind, :dst, :role)")
    param = sa.text("INSERT INTO run_params VALUES (:run_id, :key, :value)")
    for run_id, data, params in connection.execute(
        sa.text("SELECT id, data, params FROM runs")
    ).fetchall():
        for used in json.loads(data):
            values = {
                "src": f"run:{run_id}",
                "kind": "read",
                "dst": f"dataset:{used['dataset']}@{used['number']}",
                "role": used["role"],
            }
            connection.execute(edge, values)
        for key, value in json.loads(params).items():
            text = value if isinstance(value, str) else json.dumps(value)
            connection.execute(param, {"run_id": run_id, "key": key, "value": text})
    made = "SELECT model, number, run_id FROM model_versions WHERE run_id IS NOT NULL"
    for model, number, run_id in connection.execute(sa.text(made)).fetchall():
        src = f"model:{model}@{number}"
        values = {"src": src, "kind": "made_by", "dst": f"run:{run_id}", "role": ""}
        connection.execute(edge, values)
