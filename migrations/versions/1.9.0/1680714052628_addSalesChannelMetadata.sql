-- Sales channels have metadata.
-- flag: sales_channels
-- locks: sales_channel: access exclusive

alter table "sales_channel" add column "metadata" jsonb;
