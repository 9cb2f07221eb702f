-- Handles, codes, SKUs and barcodes are unique among the rows that are not deleted.
-- locks: discount: access exclusive
-- locks: product: access exclusive
-- locks: product_collection: access exclusive
-- locks: product_variant: access exclusive

drop index "IDX_ae3e22c67d7c7a969a363533c0";
drop index "IDX_77c4073c30ea7793f484750529";
drop index "IDX_e08af711f3493df1e921c4c9ef";
drop index "IDX_0683952543d7d3f4fffc427034";
drop index "IDX_410649600ce31c10c4b667ca10";
drop index "IDX_5248fda27b9f16ef818604bb6f";
drop index "IDX_832f86daf8103491d634a967da";

create unique index "IDX_f65bf52e2239ace276ece2b2f4" on "discount" ("code") where "deleted_at" is null;
create unique index "IDX_cf9cc6c3f2e6414b992223fff1" on "product" ("handle") where "deleted_at" is null;
create unique index "IDX_6f234f058bbbea810dce1d04d0" on "product_collection" ("handle") where "deleted_at" is null;
create unique index "IDX_045d4a149c09f4704e0bc08dd4" on "product_variant" ("barcode") where "deleted_at" is null;
create unique index "IDX_2ca8cfbdafb998ecfd6d340389" on "product_variant" ("sku") where "deleted_at" is null;
create unique index "IDX_aa16f61348be02dd07ce3fc54e" on "product_variant" ("upc") where "deleted_at" is null;
create unique index "IDX_b5b6225539ee8501082fbc0714" on "product_variant" ("ean") where "deleted_at" is null;
