{{ config(materialized='incremental', incremental_strategy='merge', unique_key='order_id') }}
with arriving as (
    select * from {{ ref('stg_orders') }}
    where total_amount >= 0 and quantity > 0 and status is not null
    {% if is_incremental() %} and updated_at > (select max(updated_at) from {{ this }}) {% endif %}
    qualify row_number() over (partition by order_id order by updated_at desc) = 1
)
select s.order_id, c.customer_key, s.customer_id, p.product_key, d.date_key, s.order_date, s.status, s.quantity, s.total_amount,
    cast(s.total_amount / s.quantity as decimal(12, 2)) as unit_amount, s.email, s.shipping_address, s.updated_at
from arriving s
left join {{ ref('dim_customers') }} c on c.customer_id = s.customer_id and s.order_date >= c.valid_from and s.order_date < coalesce(c.valid_to, timestamp '9999-12-31')
left join {{ ref('dim_products') }} p on p.product_id = s.product_id
left join {{ ref('dim_dates') }} d on d.date_day = s.order_day
