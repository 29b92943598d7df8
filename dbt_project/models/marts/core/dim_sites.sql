-- Grain: one row per site of the company, from its company file and not from deliveries: a site
-- that delivers nothing must still be seen to deliver nothing.
select
    site_id,
    site_name,
    time_zone,
    country_code,
    enterprise_id
from {{ source('registry', 'sites') }}
