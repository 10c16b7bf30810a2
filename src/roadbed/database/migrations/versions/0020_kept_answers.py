"""When kept answers and grades were last used, and which calls they come from."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    _add("evaluation_answers", "call_id", "origin")
    _add("evaluation_grades", "answer")
    for table in ("evaluation_answers", "evaluation_grades"):
        op.execute(sa.text(f"UPDATE {table} SET used_us = at_us"))
    said = "json_extract(answer, '$.call_id')"
    if op.get_bind().dialect.name == "postgresql":
        said = "answer::json ->> 'call_id'"
    op.execute(sa.text(f"UPDATE evaluation_answers SET call_id = COALESCE({said}, '')"))


def _add(table: str, *names: str) -> None:
    used = sa.Column("used_us", sa.BigInteger(), nullable=False, server_default="0")
    op.add_column(table, used)
    for name in names:
        column = sa.Column(name, sa.Text(), nullable=False, server_default="")
        op.add_column(table, column)
    for name in ("used_us", *names):
        op.create_index(op.f(f"ix_{table}_{name}"), table, [name])
