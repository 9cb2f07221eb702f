-- Sales channels have metadata.
-- flag: sales_channels

alter table "sales_channel" add column "metadata" jsonb;
