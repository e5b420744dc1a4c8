"""The demo's pipeline as a plain DuckDB script: no gate, no raw copy, no ledger. Arguments: DATABASE LANDING, and `day-two` to merge its files"""
import sys

import duckdb

database, landing = sys.argv[1:3]
is_day_two = sys.argv[3:] == ["day-two"]
files = "day-two" if is_day_two else "*"
connection = duckdb.connect(database)
connection.execute("set threads = 2; set memory_limit = '2GB'")


def write(table, key, query):
    """Makes a table of a query, or merges its rows into the table by their key."""
    if is_day_two:
        connection.execute(f"merge into {table} using ({query}) as arriving using ({key}) when matched then update when not matched then insert")
    else:
        connection.execute(f"create table {table} as {query}")


connection.execute(f"create or replace table dim_products as select * from read_parquet('{landing}/products.parquet')")
write(
    "dim_customers",
    "customer_id",
    f"""select customer_id, name, lower(email) as email, segment, city, country, updated_at from read_json('{landing}/customers/{files}.ndjson')
    qualify row_number() over (partition by customer_id order by updated_at desc) = 1"""
)
connection.execute(
    """create or replace table dim_dates as select cast(strftime(d, '%Y%m%d') as int) as date_id, cast(d as date) as day, year(d) as year, quarter(d) as quarter,
    month(d) as month, dayofweek(d) as day_of_week from generate_series(timestamp '2023-01-01', timestamp '2028-12-31', interval 1 day) t(d)"""
)
staged = f"""select order_id, customer_id, cast(strftime(order_date, '%Y%m%d') as int) as date_id, product_id, order_date, lower(trim(status)) as status,
    quantity, total_amount, lower(email) as email, shipping_address, updated_at, date_trunc('month', order_date) as order_date_month
    from read_csv('{landing}/orders/{files}.csv')"""
bad = "(total_amount < 0 or quantity < 1 or status not in ('pending', 'shipped', 'delivered', 'cancelled'))"
connection.execute(f"create temp table staged as {staged}")
quarantine = "insert into quarantine_orders" if is_day_two else "create table quarantine_orders as"
connection.execute(f"{quarantine} select * from staged where {bad}")
write("fact_orders", "order_id", f"select * from staged where not {bad} qualify row_number() over (partition by order_id order by updated_at desc) = 1")
print(connection.execute("select count(*) from fact_orders").fetchone())
