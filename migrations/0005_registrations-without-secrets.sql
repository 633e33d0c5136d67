-- Names and password hashes of people who proved no mailbox. Links mailed before stay valid: both now come with the link.
CREATE INDEX "email_changes_expires_at" ON "email_changes" USING btree ("expires_at") WHERE confirmed_at is null;--> statement-breakpoint
CREATE INDEX "password_resets_expires_at" ON "password_resets" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "registrations_expires_at" ON "registrations" USING btree ("expires_at");--> statement-breakpoint
ALTER TABLE "registrations" DROP COLUMN "name";--> statement-breakpoint
ALTER TABLE "registrations" DROP COLUMN "password_hash";