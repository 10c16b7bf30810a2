"""The experiments of the tracking protocol, and what clients say of models."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    _experiments()
    _runs()
    _logged()
    _registered()


def _experiments() -> None:
    _table("run_seals", ["run_id", "below"], [_run(), _text("below")])
    _table(
        "experiments",
        ["tenant", "id"],
        [
            *_texts("tenant", "id", "name", "stage", "actor"),
            *_moments("created_us", "updated_us"),
            sa.UniqueConstraint("tenant", "name", name="uq_experiments_tenant_name"),
        ],
    )
    key = ["tenant", "experiment_id", "key"]
    _table("experiment_tags", key, [*_texts(*key, "value")])


def _runs() -> None:
    said = ("tenant", "experiment_id", "name", "status", "user", "stage")
    times = [_number("start_ms"), sa.Column("end_ms", sa.BigInteger(), nullable=True)]
    _table("tracked_runs", ["run_id"], [_run(), *_texts(*said), *times])
    op.create_index(
        "ix_tracked_runs_tenant_experiment_id_start_ms",
        "tracked_runs",
        ["tenant", "experiment_id", "start_ms"],
    )
    key = ["name", "digest", "context"]
    said = (*key, "source_type", "source", "schema", "profile", "tags")
    _table("run_inputs", ["run_id", *key], [_run(), *_texts(*said)])
    _table(
        "run_models",
        ["run_id", "model_id", "role"],
        [_run(), *_texts("model_id", "role"), _number("step")],
    )


def _logged() -> None:
    said = ("id", "tenant", "experiment_id", "name", "type", "status", "stage")
    times = _moments("created_ms", "updated_ms")
    _table(
        "logged_models",
        ["id"],
        [*_texts(*said), _run(), _text("source_run_id"), *times],
    )
    op.create_index(op.f("ix_logged_models_run_id"), "logged_models", ["run_id"])
    op.create_index(
        "ix_logged_models_tenant_experiment_id_created_ms",
        "logged_models",
        ["tenant", "experiment_id", "created_ms"],
    )
    for name in ("logged_params", "logged_tags"):
        _table(name, ["model_id", "key"], [*_texts("model_id", "key", "value")])
    key = ["model_id", "key", "dataset_name", "dataset_digest"]
    value = sa.Column("value", sa.Double(), nullable=True)
    numbers = [*_moments("step", "at_us"), value]
    _table("logged_metrics", key, [*_texts(*key, "run_id"), *numbers])


def _registered() -> None:
    times = _moments("created_us", "updated_us")
    _table(
        "tracked_models",
        ["tenant", "name"],
        [
            *_texts("tenant", "name", "model", "description", "actor"),
            *times,
            sa.UniqueConstraint("model", name="uq_tracked_models_model"),
        ],
    )
    said = ("description", "source", "run_id", "model_id", "user", "stage")
    gone = sa.Column("gone", sa.Boolean(), nullable=False)
    times = _moments("created_us", "updated_us")
    _table(
        "tracked_versions",
        ["model", "number"],
        [_text("model"), _count(), *_texts(*said), gone, *times],
    )
    op.create_index(op.f("ix_tracked_versions_run_id"), "tracked_versions", ["run_id"])
    _table("model_aliases", ["model", "alias"], [*_texts("model", "alias"), _count()])
    _table(
        "model_tags",
        ["model", "number", "key"],
        [_text("model"), _count(), *_texts("key", "value")],
    )


def _table(name: str, key: list[str], columns: list[Any]) -> None:
    op.create_table(
        name, *columns, sa.PrimaryKeyConstraint(*key, name=op.f(f"pk_{name}"))
    )


def _run() -> sa.Column[Any]:
    return sa.Column("run_id", sa.Text(), sa.ForeignKey("runs.id"), nullable=False)


def _text(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), nullable=False)


def _texts(*names: str) -> list[sa.Column[Any]]:
    return [_text(name) for name in names]


def _number(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger(), nullable=False)


def _count() -> sa.Column[Any]:
    return sa.Column("number", sa.Integer(), nullable=False)


def _moments(*names: str) -> list[sa.Column[Any]]:
    return [_number(name) for name in names]
