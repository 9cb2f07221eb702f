-- Handles, codes, SKUs and barcodes are unique among deleted rows only; 1.1.41 turns it around.
-- locks: discount: access exclusive
-- locks: product: access exclusive
-- locks: product_collection: access exclusive
-- locks: product_variant: access exclusive

drop index "IDX_087926f6fec32903be3c8eedfa";
drop index "IDX_db7355f7bd36c547c8a4f539e5";
drop index "IDX_6910923cb678fd6e99011a21cc";
drop index "IDX_7124082c8846a06a857cca386c";
drop index "IDX_9db95c4b71f632fc93ecbc3d8b";
drop index "IDX_a0a3f124dc5b167622217fee02";
drop index "IDX_f4dc2c0888b66d547c175f090e";

create unique index "IDX_ae3e22c67d7c7a969a363533c0" on "discount" ("code") where "deleted_at" is not null;
create unique index "IDX_77c4073c30ea7793f484750529" on "product" ("handle") where "deleted_at" is not null;
create unique index "IDX_e08af711f3493df1e921c4c9ef" on "product_collection" ("handle") where "deleted_at" is not null;
create unique index "IDX_0683952543d7d3f4fffc427034" on "product_variant" ("sku") where "deleted_at" is not null;
create unique index "IDX_410649600ce31c10c4b667ca10" on "product_variant" ("barcode") where "deleted_at" is not null;
create unique index "IDX_5248fda27b9f16ef818604bb6f" on "product_variant" ("ean") where "deleted_at" is not null;
create unique index "IDX_832f86daf8103491d634a967da" on "product_variant" ("upc") where "deleted_at" is not null;
