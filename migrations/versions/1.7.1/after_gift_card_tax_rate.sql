-- Gives every gift card without a tax rate the rate of its region; a rate of 0 is a rate.

update "gift_card"
set "tax_rate" = "region"."tax_rate", "updated_at" = now()
from "region"
where "region"."id" = "gift_card"."region_id"
  and "gift_card"."tax_rate" is null
  and "region"."tax_rate" is not null;
