-- A swap can be partially shipped.

alter type "swap_fulfillment_status_enum" add value if not exists 'partially_shipped' after 'shipped';
