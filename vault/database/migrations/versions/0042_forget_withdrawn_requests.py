"""Note when the content of withdrawn requests of people and of closures that were taken back is forgotten.

Earlier releases noted it for requests alone that were carried out. Their objects are written again.
"""

from alembic import op

revision = '0042'
down_revision = '0041'
branch_labels = None
depends_on = None
serves = '0040'

#: Three years, in microseconds.
_RETENTION = (3 * 365 + 1) * 86_400 * 1_000_000
_WITHDRAWN = "state = 'withdrawn' AND forget_at IS NULL AND sealed_personal IS NOT NULL AND closed_at IS NOT NULL"


def upgrade() -> None:
    op.execute(
        'UPDATE accounts SET revision = revision + 1 '
        f'WHERE id IN (SELECT account_id FROM person_requests WHERE {_WITHDRAWN})'
    )
    op.execute(
        f'UPDATE person_requests SET forget_at = closed_at + {_RETENTION}, stored_under = NULL WHERE {_WITHDRAWN}'
    )


def downgrade() -> None:
    pass
