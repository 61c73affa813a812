"""Keep the public keys of endpoints whose events anybody can verify.

A node of the release before does not know them, and signs with the secrets alone.
"""

import sqlalchemy as sa
from alembic import op

revision = '0063'
down_revision = '0062'
branch_labels = None
depends_on = None
serves = '0044'


def upgrade() -> None:
    op.add_column('event_endpoints', sa.Column('public_keys', sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    op.drop_column('event_endpoints', 'public_keys')
