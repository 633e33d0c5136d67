ALTER TABLE "refresh_tokens" ADD COLUMN "used_by_agent" text;--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "refresh_retries" integer DEFAULT 0 NOT NULL;