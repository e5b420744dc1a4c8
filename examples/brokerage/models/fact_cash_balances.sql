select account_id, cast(cash_ts as date) as day, sum(amount) as amount, count(*) as transactions
from brokerage.cash
group by 1, 2
