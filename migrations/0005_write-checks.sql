CREATE TABLE "write_checks" (
	"id" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"checked_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "write_checks_one_row" CHECK (id)
);
