select product_id as product_key, product_id, sku, name, category, unit_price from read_parquet('{{ env_var("STAR_LANDING") }}/products.parquet')
