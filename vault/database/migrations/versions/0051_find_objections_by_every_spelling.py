"""Find objections by every spelling of their number.

A job writes the terms of older objections. Until it has, what is reported in such a spelling is kept apart in accounts
that have one. A node of the release before goes on: it finds objections by their number in E.164.
"""

import sqlalchemy as sa
from alembic import op

revision = '0051'
down_revision = '0050'
branch_labels = None
depends_on = None
serves = '0044'


def upgrade() -> None:
    op.create_table(
        'objection_terms',
        sa.Column('account_id', sa.String(), nullable=False),
        sa.Column('term', sa.LargeBinary(), nullable=False),
        sa.Column('objection_id', sa.String(), nullable=False),
        sa.PrimaryKeyConstraint('account_id', 'term', 'objection_id', name=op.f('pk_objection_terms')),
    )
    op.add_column('objections', sa.Column('reader', sa.Integer(), nullable=True))
    op.create_index(
        'ix_objections_unread',
        'objections',
        ['account_id'],
        sqlite_where=sa.text('reader IS NULL'),
        postgresql_where=sa.text('reader IS NULL'),
    )


def downgrade() -> None:
    op.drop_index('ix_objections_unread', table_name='objections')
    op.drop_column('objections', 'reader')
    op.drop_table('objection_terms')
