-- One order can bring any number of gift cards.
-- locks: gift_card: access exclusive

alter table "gift_card" drop constraint "REL_dfc1f02bb0552e79076aa58dbb";
