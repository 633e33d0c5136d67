UPDATE "outbox" SET "account_id" = '00000000-0000-0000-0000-000000000000' WHERE "account_id" IS NULL;--> statement-breakpoint
ALTER TABLE "outbox" DROP CONSTRAINT "outbox_pkey";--> statement-breakpoint
ALTER TABLE "outbox" ALTER COLUMN "account_id" SET DEFAULT '00000000-0000-0000-0000-000000000000';--> statement-breakpoint
ALTER TABLE "outbox" ALTER COLUMN "account_id" SET NOT NULL;--> statement-breakpoint
ALTER TABLE "outbox" ADD CONSTRAINT "outbox_account_id_id_pk" PRIMARY KEY("account_id","id");--> statement-breakpoint
CREATE INDEX "outbox_id" ON "outbox" USING btree ("id");--> statement-breakpoint
-- These two refer to each other. Drizzle cannot declare a deferrable key, so it does not know about this.
ALTER TABLE "accounts" ALTER CONSTRAINT "accounts_owner_is_a_member" DEFERRABLE INITIALLY DEFERRED;--> statement-breakpoint
ALTER TABLE "memberships" ALTER CONSTRAINT "memberships_account_id_accounts_id_fk" DEFERRABLE INITIALLY DEFERRED;
