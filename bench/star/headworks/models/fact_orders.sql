with staged as (
    select order_id, customer_id, order_date, total_amount, quantity, product_id, shipping_address, updated_at,
        case when lower(trim(status)) in ('pending', 'shipped', 'delivered', 'cancelled') then lower(trim(status)) end as status,
        case when regexp_like(email, '^[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$') then lower(email) end as email
    from shop.orders
)
select s.order_id, c.customer_key, s.customer_id, p.product_key, d.date_key, s.order_date, s.status, s.quantity, s.total_amount,
    cast(s.total_amount / nullif(s.quantity, 0) as decimal(12, 2)) as unit_amount, s.email, s.shipping_address, s.updated_at
from staged s
left join dim_customers c on c.customer_id = s.customer_id and s.order_date >= c.valid_from and (s.order_date < c.valid_to or c.valid_to is null)
left join dim_products p on p.product_id = s.product_id
left join dim_dates d on d.date_day = cast(s.order_date as date)
