MODEL (name mart.quarantine_orders, kind INCREMENTAL_BY_TIME_RANGE (time_column updated_at));
select * from stg.orders
where (total_amount < 0 or quantity < 1 or status is null) and updated_at between @start_dt and @end_dt
