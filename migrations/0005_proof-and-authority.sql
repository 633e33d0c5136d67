CREATE TABLE "write_checks" (
	"id" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"checked_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "write_checks_one_row" CHECK (id)
);
--> statement-breakpoint
-- Mails of no account get the all-zero one, so that the table distributes by account.
UPDATE "outbox" SET "account_id" = '00000000-0000-0000-0000-000000000000' WHERE "account_id" IS NULL;--> statement-breakpoint
ALTER TABLE "outbox" DROP CONSTRAINT "outbox_pkey";--> statement-breakpoint
ALTER TABLE "outbox" ALTER COLUMN "account_id" SET DEFAULT '00000000-0000-0000-0000-000000000000';--> statement-breakpoint
ALTER TABLE "outbox" ALTER COLUMN "account_id" SET NOT NULL;--> statement-breakpoint
ALTER TABLE "outbox" ADD CONSTRAINT "outbox_account_id_id_pk" PRIMARY KEY("account_id","id");--> statement-breakpoint
ALTER TABLE "invites" ADD COLUMN "invited_by_key" uuid;--> statement-breakpoint
ALTER TABLE "refresh_tokens" ADD COLUMN "used_by_agent" text;--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "refresh_retries" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
CREATE INDEX "account_keys_made_by" ON "account_keys" USING btree ("made_by","account_id") WHERE made_by is not null;--> statement-breakpoint
CREATE INDEX "grants_unconditional" ON "grants" USING btree ("account_id","user_id","resource_type","resource_id","permission",coalesce(ends_at, 'infinity')) WHERE condition = '{}';--> statement-breakpoint
CREATE INDEX "grants_conditional" ON "grants" USING btree ("account_id","user_id") WHERE condition <> '{}';--> statement-breakpoint
CREATE INDEX "invites_by_key" ON "invites" USING btree ("invited_by_key","account_id","id") WHERE status = 'pending' and invited_by_key is not null;--> statement-breakpoint
CREATE INDEX "platform_keys_made_by" ON "platform_keys" USING btree ("made_by") WHERE made_by is not null;--> statement-breakpoint
CREATE INDEX "outbox_id" ON "outbox" USING btree ("id");--> statement-breakpoint
CREATE INDEX "email_changes_expires_at" ON "email_changes" USING btree ("expires_at") WHERE confirmed_at is null;--> statement-breakpoint
CREATE INDEX "password_resets_expires_at" ON "password_resets" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "registrations_expires_at" ON "registrations" USING btree ("expires_at");--> statement-breakpoint
-- Names and password hashes of people who proved no mailbox. Links mailed before stay valid: both now come with the link.
ALTER TABLE "registrations" DROP COLUMN "name";--> statement-breakpoint
ALTER TABLE "registrations" DROP COLUMN "password_hash";--> statement-breakpoint
-- These two refer to each other. Drizzle cannot declare a deferrable key, so it does not know about this.
ALTER TABLE "accounts" ALTER CONSTRAINT "accounts_owner_is_a_member" DEFERRABLE INITIALLY DEFERRED;--> statement-breakpoint
ALTER TABLE "memberships" ALTER CONSTRAINT "memberships_account_id_accounts_id_fk" DEFERRABLE INITIALLY DEFERRED;
