ALTER TABLE "outbox" DROP CONSTRAINT "outbox_kind_known";--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "login_network" text;--> statement-breakpoint
ALTER TABLE "outbox" ADD CONSTRAINT "outbox_kind_known" CHECK (kind in ('invite', 'registration', 'password-reset', 'password-changed', 'email-change', 'email-changed', 'identity-linked'));