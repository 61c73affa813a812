"""Keep notes that listeners make on recordings."""

import sqlalchemy as sa
from alembic import op

revision = '0029'
down_revision = '0028'
branch_labels = None
depends_on = None
#: A release before it erases a recording without the rows of its notes, which nothing can open without its key.
serves = '0028'


def upgrade() -> None:
    op.create_table(
        'recording_notes',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('account_id', sa.String(), nullable=False),
        sa.Column('recording_id', sa.String(), nullable=False),
        sa.Column('author', sa.String(), nullable=False),
        sa.Column('sealed_note', sa.LargeBinary(), nullable=False),
        sa.Column('made_at', sa.BigInteger(), nullable=False),
        sa.Column('changed_at', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('id'),
    )
    op.create_index('ix_recording_notes_author', 'recording_notes', ['recording_id', 'author'])


def downgrade() -> None:
    op.drop_table('recording_notes')
