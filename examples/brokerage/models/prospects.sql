select agency_id, last_name, net_worth from marketing.prospects
