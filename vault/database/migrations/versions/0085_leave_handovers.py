"""Give a last state to what an integration has handed over that ends without a removal; index each state."""

import sqlalchemy as sa
from alembic import op

revision = '0085'
down_revision = '0084'
branch_labels = None
depends_on = None
serves = '0044'

_BEFORE = sa.text("desired <> state AND (desired = 'absent' OR state NOT IN ('held', 'unmatched'))")
_UNSETTLED = sa.text(
    "desired <> state AND state <> 'left' AND (desired = 'absent' OR state NOT IN ('held', 'unmatched') OR "
    "(desired = 'restricted' AND state = 'held' AND cause IS NOT NULL AND cause = 'unconfirmed'))"
)


def upgrade() -> None:
    op.add_column('integrations', sa.Column('settled_at', sa.BigInteger(), nullable=True))
    op.create_index('ix_handovers_state', 'handovers', ['account_id', 'state', 'created_at', 'id'])
    _index_unsettled(_UNSETTLED)


def downgrade() -> None:
    op.execute("UPDATE handovers SET state = 'unknown' WHERE state = 'left'")
    _index_unsettled(_BEFORE)
    op.drop_index('ix_handovers_state', 'handovers')
    op.drop_column('integrations', 'settled_at')


def _index_unsettled(condition: sa.TextClause) -> None:
    op.drop_index('ix_handovers_unsettled', 'handovers')
    op.create_index(
        'ix_handovers_unsettled',
        'handovers',
        ['integration_id', 'queued_at'],
        sqlite_where=condition,
        postgresql_where=condition,
    )
