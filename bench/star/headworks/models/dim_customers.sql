select customer_id, name, email, segment, city, country, updated_at from shop.customers
