//! The demo's project: the files that a data engineer would write.

use std::path::Path;

use hw_base::Result;

use crate::files::write_file;

/// The line by which an earlier demo is known; nothing else is ever removed.
pub(crate) const FIRST_LINE: &str = "# Made by `headworks demo`.";

const SETTINGS: &str = "\
# Made by `headworks demo`. The next demo into this folder replaces everything in it.
project: customer_analytics
warehouse: warehouse/
engine: { memory: MEMORY }
sources:
  shop:
    csv: { path: { customer_orders: \"landing/orders/*.csv\" } }
  crm:
    json: { path: { customers: \"landing/customers/*.ndjson\" } }
  catalog:
    parquet: { path: { products: \"landing/products.parquet\" } }
";

const FACT_ORDERS: &str = "\
-- Orders as they are now: one row per order, the latest version of each.
select
  order_id,
  CUSTOMER,
  cast(to_char(order_date, '%Y%m%d') as int) as date_id,
  product_id,
  order_date,
  lower(trim(status)) as status,
  quantity,
  total_amount,
  lower(email) as email,
  shipping_address,
  updated_at
from shop.customer_orders
";

const FACT_ORDERS_YAML: &str = "\
description: Every order of the shop, as it is now.
grain: one row per order
load: { upsert: { key: [order_id] } }
follow: { shop.customer_orders: updated_at }
partition_by: month(order_date)
rules:
CUSTOMER
  - range: { column: total_amount, min: 0, on_failure: quarantine }
  - range: { column: quantity, min: 1, on_failure: quarantine }
  - accepted_values: { column: status, values: [pending, shipped, delivered, cancelled], on_failure: quarantine }
  - unique: { columns: [order_id], on_failure: block }
  - not_null: { column: order_date, on_failure: block }
  - matches: { column: email, pattern: '^[a-z0-9._%+-]+@[a-z0-9-]+([.][a-z0-9-]+)+$', at_least: 99%, on_failure: alert }
  - referential: { column: customer_id, to: dim_customers.customer_id, at_least: 95%, on_failure: alert }
  - referential: { column: product_id, to: dim_products.product_id, on_failure: block }
  - row_count: { min: 1, on_failure: block }
";

const MISSING_CUSTOMER_BLOCKS: &str = "  - not_null: { column: customer_id, at_least: 95%, on_failure: block }";
const UNKNOWN_CUSTOMER_ALERTS: &str = "  - expression: { name: known_customer, sql: 'customer_id <> -1', at_least: 95%, on_failure: alert }\n  - not_null: { column: customer_id, on_failure: block }";

const DIM_CUSTOMERS: &str = "\
-- Customers as they are now, and the unknown one that orders without a customer point to.
select customer_id, name, lower(email) as email, segment, city, country, updated_at
from crm.customers
union all
select -1, 'unknown', null, 'unknown', null, null, timestamp '1900-01-01 00:00:00'
";

const DIM_CUSTOMERS_YAML: &str = "\
grain: one row per customer
load: { upsert: { key: [customer_id] } }
follow: { crm.customers: updated_at }
rules:
  - not_null: { column: customer_id, on_failure: block }
  - unique: { columns: [customer_id], on_failure: block }
  - accepted_values: { column: segment, values: [consumer, business, vip, reseller, unknown], on_failure: quarantine }
";

const DIM_PRODUCTS: &str = "\
select product_id, sku, name, category, unit_price
from catalog.products
";

const DIM_PRODUCTS_YAML: &str = "\
grain: one row per product
load: replace
rules:
  - unique: { columns: [product_id], on_failure: block }
  - unique: { columns: [sku], on_failure: block }
  - range: { column: unit_price, min: 0, on_failure: block }
";

const DIM_DATES: &str = "\
-- One row per day, so that reports also show the days without orders.
select
  cast(to_char(day, '%Y%m%d') as int) as date_id,
  cast(day as date) as day,
  cast(date_part('year', day) as int) as year,
  cast(date_part('quarter', day) as int) as quarter,
  cast(date_part('month', day) as int) as month,
  cast(date_part('dow', day) as int) as day_of_week
from (select unnest(generate_series(timestamp '2023-01-01', timestamp '2028-12-31', interval '1 day')) as day) as days
";

const DIM_DATES_YAML: &str = "\
grain: one row per day
load: replace
rules:
  - unique: { columns: [date_id], on_failure: block }
";

const FACT_ORDERS_TESTS: &str = "\
a_late_older_row_changes_nothing:
  model: fact_orders
  given:
    shop.customer_orders: |
      order_id,customer_id,order_date,product_id,status,quantity,total_amount,email,shipping_address,updated_at
      1,7,2026-01-01,3,\" Shipped\",1,10.00,ann@example.com,,2026-01-03T10:00:00
  expect:
    - { order_id: 1, status: shipped }
  deliver:
    - given:
        shop.customer_orders: |
          order_id,customer_id,order_date,product_id,status,quantity,total_amount,email,shipping_address,updated_at
          1,7,2026-01-01,3,pending,1,10.00,ann@example.com,,2026-01-02T10:00:00
      expect:
        - { order_id: 1, status: shipped }

a_negative_amount_waits_in_quarantine:
  model: fact_orders
  without_rules: [row_count]
  given:
    shop.customer_orders: |
      order_id,customer_id,order_date,product_id,status,quantity,total_amount,email,shipping_address,updated_at
      1,7,2026-01-01,3,shipped,1,-5.00,ann@example.com,,2026-01-03T10:00:00
  expect:
    rows: []
    quarantine:
      - { order_id: 1, total_amount: -5, _rules: range_total_amount }
";

/// Writes the project. Its rule on missing customers is the blueprint's: it will not hold.
pub(crate) fn write_project(folder: &Path, memory: &str) -> Result<()> {
    let model = |name: &str, text: &str| write_file(&folder.join("models").join(name), text);
    write_file(&folder.join("headworks.yaml"), &SETTINGS.replace("MEMORY", memory))?;
    model("fact_orders.sql", &FACT_ORDERS.replace("CUSTOMER", "customer_id"))?;
    model("fact_orders.yaml", &FACT_ORDERS_YAML.replace("CUSTOMER", MISSING_CUSTOMER_BLOCKS))?;
    model("dim_customers.sql", DIM_CUSTOMERS)?;
    model("dim_customers.yaml", DIM_CUSTOMERS_YAML)?;
    model("dim_products.sql", DIM_PRODUCTS)?;
    model("dim_products.yaml", DIM_PRODUCTS_YAML)?;
    model("dim_dates.sql", DIM_DATES)?;
    model("dim_dates.yaml", DIM_DATES_YAML)?;
    write_file(&folder.join("tests/fact_orders.yaml"), FACT_ORDERS_TESTS)?;
    write_file(&folder.join(".gitignore"), ".headworks/\nwarehouse/\nlanding/\n")
}

/// Lets orders without a customer point to the unknown one; the rule watches them as an alert.
pub(crate) fn apply_remedy(folder: &Path) -> Result<()> {
    let model = |name: &str, text: &str| write_file(&folder.join("models").join(name), text);
    model("fact_orders.sql", &FACT_ORDERS.replace("CUSTOMER", "coalesce(customer_id, -1) as customer_id"))?;
    model("fact_orders.yaml", &FACT_ORDERS_YAML.replace("CUSTOMER", UNKNOWN_CUSTOMER_ALERTS))
}
