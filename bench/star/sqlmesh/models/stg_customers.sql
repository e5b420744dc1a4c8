MODEL (name stg.customers, kind VIEW);
select customer_id, name, email, segment, city, country, updated_at from raw.customers
qualify row_number() over (partition by customer_id order by updated_at desc) = 1
