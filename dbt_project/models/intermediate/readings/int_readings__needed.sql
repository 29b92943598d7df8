-- Grain: one row per measure, entity kind and period kind that some KPI asks for.
-- What no KPI reads is not summed.
select distinct
    terms.measure_id,
    grains.entity_kind,
    grains.period_kind,
    measures.over_time,
    measures.period_kind as measured_period_kind
from {{ source('registry', 'kpi_terms') }} as terms
inner join {{ source('registry', 'kpi_grains') }} as grains on terms.kpi_id = grains.kpi_id
inner join {{ source('registry', 'measures') }} as measures
    on terms.measure_id = measures.measure_id
where
    measures.period_kind = 'day'
    or grains.period_kind in ('month', 'quarter', 'year')
