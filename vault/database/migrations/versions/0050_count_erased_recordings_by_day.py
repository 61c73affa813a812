"""Let the overview count all recordings by day: those that are erased by an index of their own, as other states."""

from alembic import op
from sqlalchemy import text

revision = '0050'
down_revision = '0049'
branch_labels = None
depends_on = None
serves = '0044'

_IS_ERASED = text("state = 'erased'")


def upgrade() -> None:
    op.create_index(
        'ix_recordings_erased',
        'recordings',
        ['account_id', 'state', 'received_at', 'id'],
        sqlite_where=_IS_ERASED,
        postgresql_where=_IS_ERASED,
    )


def downgrade() -> None:
    op.drop_index('ix_recordings_erased', 'recordings')
