"""Stop nodes that cannot read JSON that was deflated before it was sealed (vault/domain/stored/deflated.py)."""

revision = '0034'
down_revision = '0033'
branch_labels = None
depends_on = None
#: To a release before it, the evidence of a newer recording would seem tampered with.
serves = '0034'


def upgrade() -> None:
    """Change no table: only which releases may go on."""


def downgrade() -> None:
    """Change no table. A release before it does not read what was deflated since."""
