"""Keep the authorizations of integrations that people have begun, and who refreshes tokens.

A node of the release before sends nothing for an integration that a person authorizes: it reads its sealed part as
tampered with.
"""

import sqlalchemy as sa
from alembic import op

revision = '0081'
down_revision = '0080'
branch_labels = None
depends_on = None
serves = '0044'

_MOMENTS = ('state_until', 'granted_at', 'refreshing_until')


def upgrade() -> None:
    for name in ('state_hash', 'started_by'):
        op.add_column('integrations', sa.Column(name, sa.String(), nullable=True))
    for name in _MOMENTS:
        op.add_column('integrations', sa.Column(name, sa.BigInteger(), nullable=True))
    op.create_index('ix_integrations_state', 'integrations', ['state_hash'], unique=True)


def downgrade() -> None:
    op.drop_index('ix_integrations_state', 'integrations')
    for name in ('state_hash', 'started_by', *_MOMENTS):
        op.drop_column('integrations', name)
