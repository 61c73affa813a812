"""Stop nodes that cannot read the short form of a recording's messages (vault/database/stores/short_form.py)."""

revision = '0036'
down_revision = '0035'
branch_labels = None
depends_on = None
#: A release before it could open neither audio nor evidence of a newer recording. The tables are the same.
serves = '0036'


def upgrade() -> None:
    """Change no table: only which releases may go on."""


def downgrade() -> None:
    """Change no table. A release before it does not read what was shortened since."""
