MODEL (name mart.dim_customers, kind SCD_TYPE_2_BY_TIME (unique_key customer_id),
    columns (customer_id bigint, name text, email text, segment text, city text, country text, updated_at timestamp),
    audits (not_null(columns := (customer_id)), one_current()));
select customer_id::bigint, name::text, email::text, segment::text, city::text, country::text, updated_at::timestamp from stg.customers
