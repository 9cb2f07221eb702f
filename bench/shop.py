"""Fills a database of Medusa 1.12.3 with a shop of a given size, set by set."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = "1.12.3"


def counts(orders: int) -> Mapping[str, int]:
    """Return the rows that the tables must have once such a shop is at 1.20.11."""
    return {
        "order": orders,
        "cart": orders,
        "line_item": orders * 2,
        "customer": max(orders // 5, 1),
        "product": _products(orders),
        "product_shipping_profile": _products(orders),
        "money_amount": _products(orders) * 6,
        "product_variant_money_amount": _products(orders) * 6,
    }


def script(orders: int) -> str:
    """Return the statements that fill the shop: two lines an order, six prices a product."""
    return _SCRIPT.format(
        orders=orders,
        lines=orders * 2,
        customers=max(orders // 5, 1),
        products=_products(orders),
        variants=_products(orders) * 3,
        prices=_products(orders) * 6,
    )


def _products(orders: int) -> int:
    return max(orders // 10, 1)


# The rows fit together as they are made, so foreign keys need not be looked up for each of them.
_SCRIPT = """
set session_replication_role = replica;
insert into region (id, name, currency_code, tax_rate) values ('reg_1', 'Europe', 'eur', 19);
insert into shipping_profile (id, name, type) values ('sp_1', 'Default', 'default');
insert into sales_channel (id, name) values ('sc_1', 'Web shop');
insert into product_category (id, name, handle, mpath, rank)
select 'pcat_' || n, 'Category ' || n, 'category-' || n, 'pcat_' || n || '.', n
  from generate_series(0, 19) n;
insert into customer (id, email, first_name, last_name, has_account)
select 'cus_' || n, 'customer' || n || '@example.com', 'First ' || n, 'Last ' || n, n % 2 = 0
  from generate_series(0, {customers} - 1) n;
insert into product (id, title, handle, description, status, profile_id)
select 'prod_' || n, 'Product ' || n, 'product-' || n, repeat('What it is made of. ', 10),
       'published', 'sp_1'
  from generate_series(0, {products} - 1) n;
insert into product_sales_channel (product_id, sales_channel_id)
select 'prod_' || n, 'sc_1' from generate_series(0, {products} - 1) n;
insert into product_category_product (product_category_id, product_id)
select 'pcat_' || n % 20, 'prod_' || n from generate_series(0, {products} - 1) n;
insert into product_variant (id, title, product_id, sku, inventory_quantity, variant_rank)
select 'variant_' || n, 'Kind ' || n % 3, 'prod_' || n / 3, 'SKU-' || n, n % 100, n % 3
  from generate_series(0, {variants} - 1) n;
insert into money_amount (id, currency_code, amount, variant_id)
select 'ma_' || n, case n % 2 when 0 then 'eur' else 'usd' end, 500 + n % 9500, 'variant_' || n / 2
  from generate_series(0, {prices} - 1) n;
insert into cart (id, region_id, customer_id, email, sales_channel_id, completed_at)
select 'cart_' || n, 'reg_1', 'cus_' || n % {customers},
       'customer' || n % {customers} || '@example.com', 'sc_1', now()
  from generate_series(0, {orders} - 1) n;
insert into "order" (id, region_id, customer_id, email, currency_code, tax_rate, cart_id,
                     sales_channel_id, created_at)
select 'order_' || n, 'reg_1', 'cus_' || n % {customers},
       'customer' || n % {customers} || '@example.com', 'eur', 19, 'cart_' || n, 'sc_1',
       now() - n * interval '1 minute'
  from generate_series(0, {orders} - 1) n;
insert into line_item (id, cart_id, order_id, title, unit_price, quantity, variant_id)
select 'item_' || n, 'cart_' || n / 2, 'order_' || n / 2, 'Product ' || n % {variants} / 3,
       500 + n % 9500, 1 + n % 4, 'variant_' || n % {variants}
  from generate_series(0, {lines} - 1) n;
insert into line_item_tax_line (id, rate, name, item_id)
select 'litl_' || n, 19, 'VAT', 'item_' || n from generate_series(0, {lines} - 1) n;
reset session_replication_role;
vacuum (freeze, analyze);
"""
