-- Staff can decide for each order, return, swap, claim or fulfillment that nobody is notified.
-- locks: claim_order: access exclusive
-- locks: draft_order: access exclusive
-- locks: fulfillment: access exclusive
-- locks: order: access exclusive
-- locks: return: access exclusive
-- locks: swap: access exclusive

alter table "claim_order" add column "no_notification" boolean;

alter table "draft_order" add column "no_notification_order" boolean;

alter table "fulfillment" add column "no_notification" boolean;

alter table "order" add column "no_notification" boolean;

alter table "return" add column "no_notification" boolean;

alter table "swap" add column "no_notification" boolean;
