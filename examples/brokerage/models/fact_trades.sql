-- Each trade as it is now, with the versions of account and security at the time of the trade.
select
  t.trade_id, a.sk_account, s.sk_security, t.trade_ts, t.status, t.quantity, t.price, t.commission, t.updated_ts
from brokerage.trades t
left join dim_account a
  on a.account_id = t.account_id and t.trade_ts >= a.valid_from and (t.trade_ts < a.valid_to or a.valid_to is null)
left join dim_security s
  on s.symbol = t.symbol and t.trade_ts >= s.valid_from and (t.trade_ts < s.valid_to or s.valid_to is null)
