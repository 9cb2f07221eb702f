-- An item or shipping method has at most one tax line per code.
-- locks: line_item_tax_line: access exclusive
-- locks: shipping_method_tax_line: access exclusive

alter table "line_item_tax_line"
  add constraint "UQ_3c2af51043ed7243e7d9775a2ad" unique ("item_id", "code");

alter table "shipping_method_tax_line"
  add constraint "UQ_cd147fca71e50bc954139fa3104" unique ("shipping_method_id", "code");
