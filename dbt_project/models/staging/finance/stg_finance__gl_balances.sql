-- Grain: one row per company, ledger, closing, scenario, version, cost centre and account.
select
    company as company_code,
    ledger as ledger_code,
    fiscal_year,
    fiscal_period,
    scenario as scenario_code,
    version as version_id,
    cost_centre as cost_centre_id,
    department as department_code,
    account as account_id,
    account_type as account_type_code,
    amount,
    currency as currency_code,
    posting_date,
    _delivery_date as delivery_date
from {{ source('raw', 'erp_gl_balances') }}
