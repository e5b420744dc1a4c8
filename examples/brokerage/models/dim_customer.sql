select customer_id, upper(status) as status, last_name, tier, date_of_birth, city, action_ts
from brokerage.customers
