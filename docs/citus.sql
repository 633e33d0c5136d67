-- Distributes Usher's tables by account over a Citus cluster. Run it once, after `npm run migrate`:
--   psql "$DATABASE_URL" --set=ON_ERROR_STOP=1 --file=docs/citus.sql

BEGIN;
SET LOCAL citus.multi_shard_modify_mode = 'sequential';
SET LOCAL citus.enable_local_reference_table_foreign_keys = off;

-- These two tables refer to each other, and Citus can't distribute a table that refers to a local one.
ALTER TABLE accounts DROP CONSTRAINT accounts_owner_is_a_member;
SELECT create_distributed_table('accounts', 'id');

-- Shared by all accounts: a copy on every node, so that each account's node can join them.
SELECT create_reference_table('users');
SELECT create_reference_table('identities');
SELECT create_reference_table('sessions');
SELECT create_reference_table('refresh_tokens');
SELECT create_reference_table('registrations');
SELECT create_reference_table('password_resets');
SELECT create_reference_table('email_changes');
SELECT create_reference_table('permissions');
SELECT create_reference_table('catalogue');
SELECT create_reference_table('role_presets');
SELECT create_reference_table('platform_keys');

-- Owned by an account: on the node of the account.
SELECT create_distributed_table('memberships', 'account_id', colocate_with => 'accounts');
SELECT create_distributed_table('invites', 'account_id', colocate_with => 'accounts');
SELECT create_distributed_table('delivery_events', 'account_id', colocate_with => 'accounts');
SELECT create_distributed_table('undeliverable_addresses', 'account_id', colocate_with => 'accounts');
SELECT create_distributed_table('abuse_reports', 'account_id', colocate_with => 'accounts');
SELECT create_distributed_table('opt_outs', 'account_id', colocate_with => 'accounts');
SELECT create_distributed_table('ownership_transfers', 'account_id', colocate_with => 'accounts');
SELECT create_distributed_table('roles', 'account_id', colocate_with => 'accounts');
SELECT create_distributed_table('grants', 'account_id', colocate_with => 'accounts');
SELECT create_distributed_table('resources', 'account_id', colocate_with => 'accounts');
SELECT create_distributed_table('account_keys', 'account_id', colocate_with => 'accounts');
SELECT create_distributed_table('outbox', 'account_id', colocate_with => 'accounts');

ALTER TABLE accounts ADD CONSTRAINT accounts_owner_is_a_member
  FOREIGN KEY (id, owner_id) REFERENCES memberships (account_id, user_id) DEFERRABLE INITIALLY DEFERRED;

-- The catalogue and users are changed in one transaction with rows of many accounts.
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET citus.multi_shard_modify_mode = sequential', current_database()); END $$;

-- Not joined with other tables: local to the coordinator.
--   mailbox, migrations, rate_limits, write_checks
COMMIT;
