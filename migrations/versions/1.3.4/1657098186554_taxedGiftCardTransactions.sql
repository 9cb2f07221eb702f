-- Gift card payments record whether and at which rate they were taxed.
-- locks: gift_card_transaction: access exclusive

alter table "gift_card_transaction"
  add column "is_taxable" boolean,
  add column "tax_rate" real;
