-- What is to be looked at in the warehouse as it is.
select 'dim_customer' as source, 'invalid customer tier' as message, concat('C_ID = ', customer_id, ', C_TIER = ', tier) as data
from dim_customer where is_current and tier not in (1, 2, 3)
union all
select 'dim_customer', 'customer birth date out of bounds', concat('C_ID = ', customer_id, ', C_DOB = ', date_of_birth)
from dim_customer where is_current and (date_of_birth < date '1900-01-01' or date_of_birth > date '2020-12-31')
union all
select 'dim_account', 'no row of the account', concat('CA_ID = ', account_id) from dim_account where is_inferred
union all
select 'dim_security', 'no row of the security', concat('S_SYMB = ', symbol) from dim_security where is_inferred
union all
select 'fact_trades', 'invalid trade commission', concat('T_ID = ', trade_id) from fact_trades where commission > quantity * price
