select symbol, issue, status, company, action_ts
from brokerage.securities
