"""The demo's pipeline as a plain DuckDB script: no gate, no raw copy, no ledger. Arguments: DATABASE LANDING"""
import sys

import duckdb

database, landing = sys.argv[1:3]
connection = duckdb.connect(database)
connection.execute("set threads = 2; set memory_limit = '2GB'")
connection.execute(f"create table dim_products as select * from read_parquet('{landing}/products.parquet')")
connection.execute(
    f"""create table dim_customers as
    select customer_id, name, lower(email) as email, segment, city, country, updated_at from read_json('{landing}/customers/*.ndjson')
    qualify row_number() over (partition by customer_id order by updated_at desc) = 1"""
)
connection.execute(
    """create table dim_dates as select cast(strftime(d, '%Y%m%d') as int) as date_id, cast(d as date) as day, year(d) as year, quarter(d) as quarter,
    month(d) as month, dayofweek(d) as day_of_week from generate_series(timestamp '2023-01-01', timestamp '2028-12-31', interval 1 day) t(d)"""
)
staged = f"""select order_id, customer_id, cast(strftime(order_date, '%Y%m%d') as int) as date_id, product_id, order_date, lower(trim(status)) as status,
    quantity, total_amount, lower(email) as email, shipping_address, updated_at, date_trunc('month', order_date) as order_date_month
    from read_csv('{landing}/orders/*.csv')"""
bad = "(total_amount < 0 or quantity < 1 or status not in ('pending', 'shipped', 'delivered', 'cancelled'))"
connection.execute(f"create temp table staged as {staged}")
connection.execute(f"create table quarantine_orders as select * from staged where {bad}")
connection.execute(f"create table fact_orders as select * from staged where not {bad} qualify row_number() over (partition by order_id order by updated_at desc) = 1")
print(connection.execute("select count(*) from fact_orders").fetchone())
