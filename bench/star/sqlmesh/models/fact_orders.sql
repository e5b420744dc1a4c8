MODEL (name mart.fact_orders, kind INCREMENTAL_BY_UNIQUE_KEY (unique_key order_id),
    audits (unique_values(columns := (order_id)), not_null(columns := (date_key)), accepted_values(column := status, is_in := ('pending', 'shipped', 'delivered', 'cancelled')),
        known_product(), known_customer()));
with arriving as (
    select * from stg.orders
    where total_amount >= 0 and quantity > 0 and status is not null and updated_at between @start_dt and @end_dt
    qualify row_number() over (partition by order_id order by updated_at desc) = 1
)
select s.order_id, c.valid_from as customer_version, s.customer_id, p.product_key, d.date_key, s.order_date, s.status, s.quantity, s.total_amount,
    cast(s.total_amount / s.quantity as decimal(12, 2)) as unit_amount, s.email, s.shipping_address, s.updated_at
from arriving s
left join mart.dim_customers c on c.customer_id = s.customer_id and s.order_date >= c.valid_from and s.order_date < coalesce(c.valid_to, timestamp '9999-12-31')
left join mart.dim_products p on p.product_id = s.product_id
left join mart.dim_dates d on d.date_day = s.order_day
