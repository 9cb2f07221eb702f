-- A price list may be without a name.
-- flag: medusa_v2
-- locks: price_list: access exclusive

alter table if exists "price_list" alter column "name" drop not null;
