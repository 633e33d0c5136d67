CREATE TABLE "abuse_reports" (
	"account_id" uuid NOT NULL,
	"invite_id" uuid NOT NULL,
	"invited_by" uuid NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "abuse_reports_account_id_invite_id_pk" PRIMARY KEY("account_id","invite_id")
);
--> statement-breakpoint
CREATE TABLE "delivery_events" (
	"account_id" uuid NOT NULL,
	"invite_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"delivery_id" uuid NOT NULL,
	"source" text NOT NULL,
	"sending" integer NOT NULL,
	"mail" text NOT NULL,
	"attempt" integer,
	"event" text NOT NULL,
	"reason" text,
	"occurred_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "delivery_events_account_id_invite_id_delivery_id_source_pk" PRIMARY KEY("account_id","invite_id","delivery_id","source"),
	CONSTRAINT "delivery_events_order" UNIQUE("account_id","invite_id","occurred_at","id"),
	CONSTRAINT "delivery_events_mail_known" CHECK (mail in ('invite', 'reminder')),
	CONSTRAINT "delivery_events_event_known" CHECK (event in ('queued', 'retrying', 'sent', 'processed', 'deferred', 'delivered', 'blocked', 'failed', 'bounced', 'dropped', 'spam-reported'))
);
--> statement-breakpoint
CREATE TABLE "undeliverable_addresses" (
	"account_id" uuid NOT NULL,
	"email" text NOT NULL,
	"invite_id" uuid NOT NULL,
	"event" text NOT NULL,
	"reason" text,
	"occurred_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "undeliverable_addresses_account_id_email_pk" PRIMARY KEY("account_id","email"),
	CONSTRAINT "undeliverable_addresses_event_known" CHECK (event in ('queued', 'retrying', 'sent', 'processed', 'deferred', 'delivered', 'blocked', 'failed', 'bounced', 'dropped', 'spam-reported'))
);
--> statement-breakpoint
ALTER TABLE "outbox" DROP CONSTRAINT "outbox_kind_known";--> statement-breakpoint
ALTER TABLE "accounts" ADD COLUMN "locale" text;--> statement-breakpoint
ALTER TABLE "accounts" ADD COLUMN "remind_days_before" integer;--> statement-breakpoint
ALTER TABLE "invites" ADD COLUMN "locale" text;--> statement-breakpoint
ALTER TABLE "invites" ADD COLUMN "delivery_event" text DEFAULT 'queued' NOT NULL;--> statement-breakpoint
ALTER TABLE "invites" ADD COLUMN "delivery_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "invites" ADD COLUMN "delivery_reason" text;--> statement-breakpoint
ALTER TABLE "invites" ADD COLUMN "delivery_attempts" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "registrations" ADD COLUMN "locale" text;--> statement-breakpoint
ALTER TABLE "users" ADD COLUMN "locale" text;--> statement-breakpoint
ALTER TABLE "abuse_reports" ADD CONSTRAINT "abuse_reports_invited_by_users_id_fk" FOREIGN KEY ("invited_by") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "abuse_reports" ADD CONSTRAINT "abuse_reports_of_an_invite" FOREIGN KEY ("account_id","invite_id") REFERENCES "public"."invites"("account_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "delivery_events" ADD CONSTRAINT "delivery_events_of_an_invite" FOREIGN KEY ("account_id","invite_id") REFERENCES "public"."invites"("account_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "undeliverable_addresses" ADD CONSTRAINT "undeliverable_addresses_of_an_invite" FOREIGN KEY ("account_id","invite_id") REFERENCES "public"."invites"("account_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "abuse_reports_created" ON "abuse_reports" USING btree ("created_at");--> statement-breakpoint
CREATE INDEX "invites_waiting" ON "invites" USING btree ("account_id","id") WHERE delivery_event in ('queued', 'retrying', 'sent', 'processed', 'deferred');--> statement-breakpoint
CREATE INDEX "invites_delivered" ON "invites" USING btree ("account_id","id") WHERE delivery_event in ('delivered');--> statement-breakpoint
CREATE INDEX "invites_undelivered" ON "invites" USING btree ("account_id","id") WHERE delivery_event in ('blocked', 'failed', 'bounced', 'dropped', 'spam-reported');--> statement-breakpoint
CREATE INDEX "outbox_failed" ON "outbox" USING btree ("settled_at") WHERE status = 'failed';--> statement-breakpoint
ALTER TABLE "invites" ADD CONSTRAINT "invites_delivery_event_known" CHECK (delivery_event in ('queued', 'retrying', 'sent', 'processed', 'deferred', 'delivered', 'blocked', 'failed', 'bounced', 'dropped', 'spam-reported'));--> statement-breakpoint
ALTER TABLE "outbox" ADD CONSTRAINT "outbox_kind_known" CHECK (kind in ('invite', 'registration', 'password-reset', 'password-changed', 'email-change', 'email-changed', 'identity-linked', 'invite-reminder', 'ownership-offered', 'membership-removed'));--> statement-breakpoint
UPDATE "invites" SET "delivery_event" = 'sent', "delivery_at" = "last_sent_at" WHERE "last_sent_at" IS NOT NULL;
