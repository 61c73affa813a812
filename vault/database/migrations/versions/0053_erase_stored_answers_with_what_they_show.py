"""Erase the stored answers to requests with an Idempotency-Key together with the recording or call that they show.

A node of the release before goes on: its answers name nothing, and go after a day.
"""

import sqlalchemy as sa
from alembic import op

revision = '0053'
down_revision = '0052'
branch_labels = None
depends_on = None
serves = '0044'


def upgrade() -> None:
    for name in ('account_id', 'recording_id', 'call_ref'):
        op.add_column('kept_answers', sa.Column(name, sa.String(), nullable=True))
    op.create_index(op.f('ix_kept_answers_recording_id'), 'kept_answers', ['recording_id'])
    op.create_index(op.f('ix_kept_answers_account_id_call_ref'), 'kept_answers', ['account_id', 'call_ref'])


def downgrade() -> None:
    op.drop_index(op.f('ix_kept_answers_account_id_call_ref'), 'kept_answers')
    op.drop_index(op.f('ix_kept_answers_recording_id'), 'kept_answers')
    for name in ('call_ref', 'recording_id', 'account_id'):
        op.drop_column('kept_answers', name)
