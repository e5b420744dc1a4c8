select md5(customer_id::varchar || '|' || dbt_valid_from::varchar) as customer_key, customer_id, name, email, segment, city, country, dbt_valid_from as valid_from,
    dbt_valid_to as valid_to, dbt_valid_to is null as is_current, updated_at
from {{ ref('customer_versions') }}
