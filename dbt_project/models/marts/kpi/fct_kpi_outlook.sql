-- Grain: one row per KPI and site or company with final monthly readings.
-- Where it goes if nothing changes, the odds that it then meets its target, and the levels with
-- given odds, so that a target is discussed before it is missed and another one is set from
-- history. Computed by orchestration/governance/outlook.py. A KPI whose present logic is not
-- approved has none.
with

outlook as (

    -- Where nothing is foreseen the columns have no type of their own.
    select
        cast(kpi_id as varchar) as kpi_id,
        cast(entity_kind as varchar) as entity_kind,
        cast(entity_id as varchar) as entity_id,
        cast(last_month_date as date) as last_month_date,
        cast(month_count as bigint) as month_count,
        cast(forecast_method as varchar) as forecast_method,
        cast(fitted_count as bigint) as fitted_count,
        cast(fit_state as varchar) as fit_state,
        cast(drift_kind as varchar) as drift_kind,
        cast(drift_since_date as date) as drift_since_date,
        cast(tested_count as bigint) as tested_count,
        cast(held_count as bigint) as held_count,
        cast(widening as double) as widening,
        cast(expected_value as double) as expected_value,
        cast(low_value as double) as low_value,
        cast(high_value as double) as high_value,
        cast(target_level as double) as target_level,
        cast(odds_next_month as double) as odds_next_month,
        cast(odds_next_quarter as double) as odds_next_quarter,
        cast(nine_in_ten_level as double) as nine_in_ten_level,
        cast(even_odds_level as double) as even_odds_level,
        cast(one_in_ten_level as double) as one_in_ten_level,
        cast(best_quarter_level as double) as best_quarter_level,
        cast(refusal as varchar) as refusal
    from {{ source('statistics', 'kpi_outlook') }}

),

published as (

    select kpi_id
    from {{ ref('kpi_publication') }}
    where is_published and not is_withheld and left_out_from_date is null

)

select
    outlook.kpi_id,
    outlook.entity_kind,
    outlook.entity_id,
    outlook.last_month_date,
    outlook.month_count,
    outlook.forecast_method,
    outlook.fitted_count,
    outlook.fit_state,
    outlook.drift_kind,
    outlook.drift_since_date,
    outlook.tested_count,
    outlook.held_count,
    outlook.widening,
    outlook.expected_value,
    outlook.low_value,
    outlook.high_value,
    outlook.target_level,
    outlook.odds_next_month,
    outlook.odds_next_quarter,
    outlook.nine_in_ten_level,
    outlook.even_odds_level,
    outlook.one_in_ten_level,
    outlook.best_quarter_level,
    outlook.refusal
from outlook
inner join published on outlook.kpi_id = published.kpi_id
