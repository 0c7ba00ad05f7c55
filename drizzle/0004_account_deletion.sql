ALTER TABLE "users" ADD COLUMN "erase_after" timestamp with time zone;--> statement-breakpoint
CREATE INDEX "audit_events_other_user" ON "audit_events" USING btree (("details"->>'otherUserId')) WHERE kind = 'merge_candidate';--> statement-breakpoint
CREATE INDEX "audit_events_to_unionid" ON "audit_events" USING btree (("details"->>'to')) WHERE kind = 'unionid_changed';--> statement-breakpoint
CREATE INDEX "users_erase_after" ON "users" USING btree ("erase_after") WHERE "users"."erase_after" is not null and not "users"."disabled";