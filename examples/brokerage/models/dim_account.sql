select account_id, customer_id, broker_id, upper(status) as status, tax_status, action_ts
from brokerage.accounts
