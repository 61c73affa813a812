"""Note when a connection's last webhook came, and the last error, for those who set it up."""

import sqlalchemy as sa
from alembic import op

revision = '0033'
down_revision = '0032'
branch_labels = None
depends_on = None
#: A release before it neither writes nor reads the columns.
serves = '0032'

_COLUMNS = (
    ('last_webhook_at', sa.BigInteger()),
    ('last_refusal_at', sa.BigInteger()),
    ('last_refusal', sa.String()),
    ('last_list_error_at', sa.BigInteger()),
    ('last_list_error', sa.String()),
)


def upgrade() -> None:
    for name, kind in _COLUMNS:
        op.add_column('connections', sa.Column(name, kind, nullable=True))


def downgrade() -> None:
    for name, _ in reversed(_COLUMNS):
        op.drop_column('connections', name)
