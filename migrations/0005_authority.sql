ALTER TABLE "invites" ADD COLUMN "invited_by_key" uuid;--> statement-breakpoint
CREATE INDEX "account_keys_made_by" ON "account_keys" USING btree ("made_by","account_id") WHERE made_by is not null;--> statement-breakpoint
CREATE INDEX "invites_by_key" ON "invites" USING btree ("invited_by_key","account_id","id") WHERE status = 'pending' and invited_by_key is not null;--> statement-breakpoint
CREATE INDEX "platform_keys_made_by" ON "platform_keys" USING btree ("made_by") WHERE made_by is not null;