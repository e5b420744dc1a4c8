select cast(to_char(value, '%Y%m%d') as int) as date_key, cast(value as date) as date_day, date_part('year', value) as year,
    date_part('quarter', value) as quarter, date_part('month', value) as month, date_part('day', value) as day
from generate_series(timestamp '2023-01-01', timestamp '2028-12-31', interval '1 day')
