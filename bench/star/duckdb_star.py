"""The star of the bench as a plain DuckDB script, with the same tests and no raw copy, gate or ledger. Arguments: DATABASE LANDING, and `day-two` to merge."""
import sys

import duckdb

database, landing = sys.argv[1:3]
is_day_two = sys.argv[3:] == ["day-two"]
connection = duckdb.connect(database)
connection.execute("set threads = 2")
known = "('pending', 'shipped', 'delivered', 'cancelled')"
connection.execute(
    f"""create or replace temp view staged as select order_id, customer_id, order_date, total_amount, quantity, product_id, shipping_address, updated_at,
    case when lower(trim(status)) in {known} then lower(trim(status)) end as status, status as status_given,
    case when regexp_full_match(email, '^[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\\.[A-Za-z0-9-]+)+$') then lower(email) end as email
    from read_parquet('{landing}/orders*.parquet')"""
)
versions = f"""select md5(customer_id::varchar || '|' || updated_at::varchar) as customer_key, customer_id, name, email, segment, city, country,
    updated_at as valid_from, cast(null as timestamp) as valid_to, true as is_current, updated_at from read_parquet('{landing}/customers*.parquet')
    qualify row_number() over (partition by customer_id order by updated_at desc) = 1"""
since = "timestamp '1900-01-01'"
if is_day_two:
    connection.execute(f"create temp table arriving as {versions}")
    connection.execute("update dim_customers d set valid_to = a.updated_at, is_current = false from arriving a where d.customer_id = a.customer_id and d.is_current and a.updated_at > d.updated_at")
    connection.execute("insert into dim_customers select a.* from arriving a where not exists (select 1 from dim_customers d where d.customer_id = a.customer_id and d.is_current)")
    since = "(select max(updated_at) from fact_orders)"
else:
    connection.execute(f"create table dim_customers as {versions}")
connection.execute(
    """create or replace table dim_dates as select cast(strftime(d, '%Y%m%d') as int) as date_key, cast(d as date) as date_day, year(d) as year, quarter(d) as quarter,
    month(d) as month, day(d) as day from generate_series(timestamp '2023-01-01', timestamp '2028-12-31', interval 1 day) t(d)"""
)
connection.execute(f"create or replace table dim_products as select product_id as product_key, product_id, sku, name, category, unit_price from read_parquet('{landing}/products.parquet')")
bad = "(total_amount < 0 or quantity < 1 or status is null)"
facts = f"""with arriving as (select * from staged where not {bad} and updated_at > {since} qualify row_number() over (partition by order_id order by updated_at desc) = 1)
    select s.order_id, c.customer_key, s.customer_id, p.product_key, d.date_key, s.order_date, s.status, s.quantity, s.total_amount,
    cast(s.total_amount / s.quantity as decimal(12, 2)) as unit_amount, s.email, s.shipping_address, s.updated_at
    from arriving s left join dim_customers c on c.customer_id = s.customer_id and s.order_date >= c.valid_from and s.order_date < coalesce(c.valid_to, timestamp '9999-12-31')
    left join dim_products p on p.product_id = s.product_id left join dim_dates d on d.date_day = cast(s.order_date as date)"""
waiting = f"select * from staged where {bad}"
if is_day_two:
    connection.execute(f"insert into quarantine_orders {waiting} and updated_at > (select max(updated_at) from quarantine_orders)")
    connection.execute(f"merge into fact_orders using ({facts}) as arriving using (order_id) when matched then update when not matched then insert")
else:
    connection.execute(f"create table quarantine_orders as {waiting}")
    connection.execute(f"create table fact_orders as {facts}")
for broken in (
    "select order_id from fact_orders group by 1 having count(*) > 1",
    f"select 1 from fact_orders where order_id is null or date_key is null or status is null or status not in {known}",
    "select customer_key from dim_customers group by 1 having count(*) > 1",
    "select customer_id from dim_customers where is_current group by 1 having count(*) <> 1",
    "select 1 from fact_orders f where customer_key is not null and not exists (select 1 from dim_customers d where d.customer_key = f.customer_key)",
    "select 1 from fact_orders f where product_key is not null and not exists (select 1 from dim_products d where d.product_key = f.product_key)",
):
    assert connection.execute(f"select count(*) from ({broken})").fetchone()[0] == 0, broken
