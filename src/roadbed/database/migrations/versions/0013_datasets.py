"""Where dataset versions came from, and the checks they passed."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    for name in ("key", "source", "parents", "run_id", "report", "stored"):
        op.add_column("dataset_versions", sa.Column(name, sa.Text(), nullable=True))
