-- Grain: one row per company, ledger, closing, scenario, version, cost centre and account.
select
    company_code,
    ledger_code,
    fiscal_year,
    fiscal_period,
    posting_date,
    scenario_code,
    version_id,
    cost_centre_id,
    department_code,
    account_id,
    account_type_code,
    amount,
    currency_code,
    delivery_date as last_delivery_date
from {{ ref('stg_finance__gl_balances') }}
