MODEL (name stg.orders, kind VIEW);
select order_id, customer_id, order_date, cast(order_date as date) as order_day, total_amount, quantity, product_id, shipping_address, updated_at, status as status_given,
    case when lower(trim(status)) in ('pending', 'shipped', 'delivered', 'cancelled') then lower(trim(status)) end as status,
    case when regexp_full_match(email, '^[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$') then lower(email) end as email
from raw.orders
