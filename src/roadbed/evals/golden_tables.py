"""The SQL of cases to be, and of what annotators said of them."""

import sqlalchemy as sa

from roadbed.database.tables import Json, metadata, moment

golden_candidates = sa.Table(
    "golden_candidates",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("dataset", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("wanted", sa.Integer, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("probability", sa.Float),
    sa.Column("call_id", sa.Text, nullable=False),
    sa.Column("endpoint", sa.Text, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("tags", Json, nullable=False),
    sa.Column("cluster", sa.Text, nullable=False),
    moment("at_us"),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("claimed_by", sa.Text),
    moment("claimed_us", nullable=True),
    sa.Column("published", sa.Text),
    sa.UniqueConstraint("dataset", "digest", name="uq_golden_candidates_case"),
    sa.Index("ix_golden_candidates_state", "dataset", "state"),
)
"""What may become a case. `digest` is of what is asked, so none waits twice;
`probability` is how likely it was to be drawn, NULL where nobody drew by chance;
`published` names the dataset version that it is in."""

golden_texts = sa.Table(
    "golden_texts",
    metadata,
    sa.Column(
        "candidate",
        sa.Text,
        sa.ForeignKey("golden_candidates.id"),
        primary_key=True,
    ),
    sa.Column("input", Json, nullable=False),
    sa.Column("answer", Json),
    sa.Column("expected", Json),
)
"""What was asked, answered, and is thought to be right; apart, to be erased."""

golden_labels = sa.Table(
    "golden_labels",
    metadata,
    sa.Column(
        "candidate",
        sa.Text,
        sa.ForeignKey("golden_candidates.id"),
        primary_key=True,
    ),
    sa.Column("annotator", sa.Text, primary_key=True),
    sa.Column("verdict", sa.Text, nullable=False),
    sa.Column("expected", Json),
    sa.Column("note", sa.Text, nullable=False),
    moment("at_us"),
)
"""What each annotator said: accept, reject or skip. Nobody says twice."""
