select * from read_parquet('{{ env_var("STAR_LANDING") }}/customers*.parquet')
qualify row_number() over (partition by customer_id order by updated_at desc) = 1
