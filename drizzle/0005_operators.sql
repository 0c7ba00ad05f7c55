DROP INDEX "audit_events_other_user";--> statement-breakpoint
CREATE INDEX "users_nickname" ON "users" USING btree ("nickname" text_pattern_ops);--> statement-breakpoint
CREATE INDEX "users_disabled" ON "users" USING btree ("id") WHERE "users"."disabled";--> statement-breakpoint
CREATE INDEX "audit_events_other_user" ON "audit_events" USING btree (("details"->>'otherUserId')) WHERE kind in ('merge_candidate', 'users_merged');