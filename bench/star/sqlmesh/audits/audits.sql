AUDIT (name known_customer);
select f.customer_id from @this_model f left join (select distinct customer_id from mart.dim_customers) c using (customer_id) where f.customer_version is not null and c.customer_id is null;

AUDIT (name known_product);
select f.product_key from @this_model f left join mart.dim_products p using (product_key) where f.product_key is not null and p.product_key is null;

AUDIT (name one_current);
select customer_id from @this_model where valid_to is null group by 1 having count(*) <> 1
