"""Keep the region of an account, which never changes once it is set."""

import sqlalchemy as sa
from alembic import op

revision = '0084'
down_revision = '0083'
branch_labels = None
depends_on = None
serves = '0044'

_CHANGES = 'OLD.region IS NOT NULL AND NEW.region IS {differs} OLD.region'
_WORDS = 'The region of an account never changes.'


def upgrade() -> None:
    op.add_column('accounts', sa.Column('region', sa.String()))
    if op.get_bind().dialect.name == 'sqlite':
        when = _CHANGES.format(differs='NOT')
        op.execute(
            f"CREATE TRIGGER region_of_account BEFORE UPDATE OF region ON accounts WHEN {when} "
            f"BEGIN SELECT RAISE(ABORT, '{_WORDS}'); END"
        )
    else:
        when = _CHANGES.format(differs='DISTINCT FROM')
        op.execute(
            "CREATE FUNCTION region_of_account() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"RAISE EXCEPTION '{_WORDS}'; END $$"
        )
        op.execute(
            f"CREATE TRIGGER region_of_account BEFORE UPDATE OF region ON accounts FOR EACH ROW WHEN ({when}) "
            "EXECUTE FUNCTION region_of_account()"
        )


def downgrade() -> None:
    op.execute('DROP TRIGGER region_of_account' + (' ON accounts' if op.get_bind().dialect.name != 'sqlite' else ''))
    if op.get_bind().dialect.name != 'sqlite':
        op.execute('DROP FUNCTION region_of_account()')
    op.drop_column('accounts', 'region')
