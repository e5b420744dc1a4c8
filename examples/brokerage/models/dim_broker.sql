select broker_id, name, branch from brokerage.brokers
