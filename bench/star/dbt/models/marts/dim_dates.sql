select cast(strftime(d, '%Y%m%d') as int) as date_key, cast(d as date) as date_day, year(d) as year, quarter(d) as quarter, month(d) as month, day(d) as day
from generate_series(timestamp '2023-01-01', timestamp '2028-12-31', interval 1 day) t(d)
