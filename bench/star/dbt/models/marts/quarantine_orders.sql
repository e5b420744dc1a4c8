{{ config(materialized='incremental', incremental_strategy='append') }}
select * from {{ ref('stg_orders') }}
where (total_amount < 0 or quantity < 1 or status is null)
{% if is_incremental() %} and updated_at > (select max(updated_at) from {{ this }}) {% endif %}
