CREATE TABLE "account_keys" (
	"account_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"user_id" uuid NOT NULL,
	"name" text NOT NULL,
	"hash" text NOT NULL,
	"scopes" text[] NOT NULL,
	"made_by" uuid,
	"created_at" timestamp (3) with time zone NOT NULL,
	"expires_at" timestamp (3) with time zone,
	"revoked_at" timestamp (3) with time zone,
	"last_used_at" timestamp (3) with time zone,
	"replaced_by" uuid,
	CONSTRAINT "account_keys_account_id_id_pk" PRIMARY KEY("account_id","id")
);
--> statement-breakpoint
CREATE TABLE "grants" (
	"account_id" uuid NOT NULL,
	"user_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"permission" text NOT NULL,
	"resource_type" text,
	"resource_id" text,
	"condition" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"ends_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "grants_account_id_user_id_id_pk" PRIMARY KEY("account_id","user_id","id"),
	CONSTRAINT "grants_resource_has_a_type" CHECK (resource_id is null or resource_type is not null)
);
--> statement-breakpoint
CREATE TABLE "resources" (
	"account_id" uuid NOT NULL,
	"type" text NOT NULL,
	"id" text NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "resources_account_id_type_id_pk" PRIMARY KEY("account_id","type","id")
);
--> statement-breakpoint
CREATE TABLE "roles" (
	"account_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"name" text NOT NULL,
	"description" text NOT NULL,
	"permissions" text[] NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "roles_account_id_id_pk" PRIMARY KEY("account_id","id"),
	CONSTRAINT "roles_name" UNIQUE("account_id","name")
);
--> statement-breakpoint
CREATE TABLE "catalogue" (
	"is_only" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"version" bigint NOT NULL,
	CONSTRAINT "catalogue_one_row" CHECK (is_only)
);
--> statement-breakpoint
CREATE TABLE "permissions" (
	"key" text PRIMARY KEY NOT NULL,
	"position" integer NOT NULL,
	"own" boolean NOT NULL,
	"title" text NOT NULL,
	"description" text NOT NULL,
	"group" text NOT NULL,
	"translations" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"implies" text[] NOT NULL,
	"covers" text[] NOT NULL,
	"covered_by" text[] NOT NULL
);
--> statement-breakpoint
CREATE TABLE "platform_keys" (
	"id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"hash" text NOT NULL,
	"scopes" text[] NOT NULL,
	"made_by" uuid,
	"created_at" timestamp (3) with time zone NOT NULL,
	"expires_at" timestamp (3) with time zone,
	"revoked_at" timestamp (3) with time zone,
	"last_used_at" timestamp (3) with time zone,
	"replaced_by" uuid
);
--> statement-breakpoint
CREATE TABLE "role_presets" (
	"id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"description" text NOT NULL,
	"permissions" text[] NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "role_presets_name_unique" UNIQUE("name")
);
--> statement-breakpoint
ALTER TABLE "invites" DROP CONSTRAINT "invites_all_or_chosen";--> statement-breakpoint
ALTER TABLE "memberships" DROP CONSTRAINT "memberships_all_or_chosen";--> statement-breakpoint
ALTER TABLE "accounts" ADD COLUMN "epoch" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "invites" ADD COLUMN "roles" uuid[] DEFAULT '{}' NOT NULL;--> statement-breakpoint
ALTER TABLE "invites" ADD COLUMN "ends_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "invites" ADD COLUMN "ownership" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "memberships" ADD COLUMN "roles" uuid[] DEFAULT '{}' NOT NULL;--> statement-breakpoint
ALTER TABLE "memberships" ADD COLUMN "ends_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "users" ADD COLUMN "external_id" text;--> statement-breakpoint
ALTER TABLE "account_keys" ADD CONSTRAINT "account_keys_of_a_member" FOREIGN KEY ("account_id","user_id") REFERENCES "public"."memberships"("account_id","user_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "grants" ADD CONSTRAINT "grants_to_a_member" FOREIGN KEY ("account_id","user_id") REFERENCES "public"."memberships"("account_id","user_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "resources" ADD CONSTRAINT "resources_account_id_accounts_id_fk" FOREIGN KEY ("account_id") REFERENCES "public"."accounts"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "roles" ADD CONSTRAINT "roles_account_id_accounts_id_fk" FOREIGN KEY ("account_id") REFERENCES "public"."accounts"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "account_keys_maker" ON "account_keys" USING btree ("account_id","user_id");--> statement-breakpoint
CREATE INDEX "grants_resource" ON "grants" USING btree ("account_id","resource_type","resource_id");--> statement-breakpoint
CREATE INDEX "memberships_roles" ON "memberships" USING gin ("roles") WHERE cardinality(roles) > 0;--> statement-breakpoint
ALTER TABLE "users" ADD CONSTRAINT "users_external_id_unique" UNIQUE("external_id");--> statement-breakpoint
ALTER TABLE "invites" ADD CONSTRAINT "invites_all_or_chosen" CHECK (not (all_permissions and cardinality(permissions) + cardinality(roles) > 0));--> statement-breakpoint
ALTER TABLE "memberships" ADD CONSTRAINT "memberships_all_or_chosen" CHECK (not (all_permissions and cardinality(permissions) + cardinality(roles) > 0));--> statement-breakpoint
INSERT INTO "catalogue" ("version") VALUES (0);
--> statement-breakpoint
INSERT INTO "permissions" ("position", "own", "key", "title", "description", "group", "implies", "covers", "covered_by") VALUES
	(0, true, 'account:manage', 'Manage the account', 'Change the account’s name and settings.', 'Account', '{}', '{"account:manage"}', '{"account:manage"}'),
	(1, true, 'members:read', 'View members', 'See who is in the account and what they may do.', 'User management', '{}', '{"members:read"}', '{"members:manage","members:read"}'),
	(2, true, 'members:manage', 'Manage members', 'Change, suspend and remove members.', 'User management', '{"members:read"}', '{"members:manage","members:read"}', '{"members:manage"}'),
	(3, true, 'invites:read', 'View invites', 'See who was invited and what became of it.', 'User management', '{}', '{"invites:read"}', '{"invites:manage","invites:read"}'),
	(4, true, 'invites:manage', 'Manage invites', 'Invite people; change, resend and revoke invites.', 'User management', '{"invites:read"}', '{"invites:manage","invites:read"}', '{"invites:manage"}'),
	(5, true, 'roles:manage', 'Manage roles', 'Make, change and delete the account’s roles.', 'User management', '{}', '{"roles:manage"}', '{"roles:manage"}'),
	(6, true, 'keys:manage', 'Manage keys', 'Make, rotate and revoke keys for machines.', 'User management', '{}', '{"keys:manage"}', '{"keys:manage"}'),
	(7, true, 'resources:manage', 'Register resources', 'Register things that access can be given to.', 'User management', '{}', '{"resources:manage"}', '{"resources:manage"}'),
	(8, false, 'profile:manage', 'Modify the account’s profile', 'Change the address and billing details.', 'Account', '{}', '{"profile:manage"}', '{"profile:manage"}'),
	(9, false, 'contacts:read', 'View contacts', 'See the account’s contacts.', 'Contacts', '{}', '{"contacts:read"}', '{"contacts:manage","contacts:read"}'),
	(10, false, 'contacts:manage', 'Manage contacts', 'Add, change and remove contacts.', 'Contacts', '{"contacts:read"}', '{"contacts:manage","contacts:read"}', '{"contacts:manage"}'),
	(11, false, 'services:read', 'View products and services', 'See what the account has ordered and its state.', 'Products and services', '{}', '{"services:read"}', '{"services:read"}'),
	(12, false, 'service-passwords:read', 'View product passwords', 'See the passwords of products.', 'Products and services', '{}', '{"service-passwords:read"}', '{"service-passwords:manage","service-passwords:read"}'),
	(13, false, 'service-passwords:manage', 'Change product passwords', 'Set new passwords for products.', 'Products and services', '{"service-passwords:read"}', '{"service-passwords:manage","service-passwords:read"}', '{"service-passwords:manage"}'),
	(14, false, 'services:sign-on', 'Single sign-on into services', 'Enter the control panels of services without a password.', 'Products and services', '{}', '{"services:sign-on"}', '{"services:sign-on"}'),
	(15, false, 'domains:read', 'View domains', 'See the account’s domains.', 'Domains', '{}', '{"domains:read"}', '{"domains:manage","domains:read"}'),
	(16, false, 'domains:manage', 'Manage domain settings', 'Change name servers, locks, contacts and renewals.', 'Domains', '{"domains:read"}', '{"domains:manage","domains:read"}', '{"domains:manage"}'),
	(17, false, 'invoices:read', 'View invoices', 'See invoices and their payments.', 'Billing', '{}', '{"invoices:read"}', '{"invoices:pay","invoices:read"}'),
	(18, false, 'invoices:pay', 'Pay invoices', 'Pay invoices with the account’s payment methods.', 'Billing', '{"invoices:read"}', '{"invoices:pay","invoices:read"}', '{"invoices:pay"}'),
	(19, false, 'quotes:read', 'View quotes', 'See quotes made for the account.', 'Billing', '{}', '{"quotes:read"}', '{"quotes:accept","quotes:read"}'),
	(20, false, 'quotes:accept', 'Accept quotes', 'Accept a quote, which can order and bill.', 'Billing', '{"quotes:read"}', '{"quotes:accept","quotes:read"}', '{"quotes:accept"}'),
	(21, false, 'tickets:read', 'View support tickets', 'Read the account’s support tickets.', 'Support', '{}', '{"tickets:read"}', '{"tickets:open","tickets:read"}'),
	(22, false, 'tickets:open', 'Open support tickets', 'Open tickets, answer and close them.', 'Support', '{"tickets:read"}', '{"tickets:open","tickets:read"}', '{"tickets:open"}'),
	(23, false, 'affiliate:read', 'View the affiliate account', 'See referrals and commissions.', 'Affiliate', '{}', '{"affiliate:read"}', '{"affiliate:manage","affiliate:read"}'),
	(24, false, 'affiliate:manage', 'Manage the affiliate account', 'Join, and ask for payouts.', 'Affiliate', '{"affiliate:read"}', '{"affiliate:manage","affiliate:read"}', '{"affiliate:manage"}'),
	(25, false, 'emails:read', 'View the account’s e-mails', 'Read the messages that were sent to the account.', 'Account', '{}', '{"emails:read"}', '{"emails:read"}'),
	(26, false, 'orders:place', 'Place orders, upgrades and cancellations', 'Order, upgrade and cancel products.', 'Orders', '{}', '{"orders:place"}', '{"orders:place"}');
