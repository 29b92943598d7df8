-- Grain: one row per reading of a locked period that present facts would change.
-- What came after the lock is shown here and changes no locked score; a release of the lock lets
-- it in. Of a reading with another definition hash the definition has changed, not the facts alone.
with

locked_readings as (

    select
        kpi_id,
        entity_kind,
        entity_id,
        period_kind,
        period_start_date,
        period_end_date,
        numerator,
        denominator,
        n,
        reading_value,
        definition_hash
    from {{ source('standing', 'readings') }}
    where is_locked

),

-- Of locks that overlap the first one holds, as it held for the rows that stand.
locked_entities as (

    select
        entity_kind,
        entity_id,
        first_date,
        last_date,
        act_seq,
        as_of_date
    from {{ source('standing', 'locked_entities') }}

),

present as (

    select
        kpi_id,
        entity_kind,
        entity_id,
        period_kind,
        period_start_date,
        period_end_date,
        numerator,
        denominator,
        n,
        reading_value,
        definition_hash
    from {{ ref('fct_kpi_readings') }}

),

deliveries as (

    select
        terms.kpi_id,
        components.entity_kind,
        components.entity_id,
        components.period_kind,
        components.period_start_date,
        max(components.last_delivery_date) as last_delivery_date
    from {{ source('registry', 'kpi_terms') }} as terms
    inner join {{ ref('fct_reading_components') }} as components
        on terms.measure_id = components.measure_id
    group by
        terms.kpi_id,
        components.entity_kind,
        components.entity_id,
        components.period_kind,
        components.period_start_date

),

compared as (

    select
        coalesce(locked_readings.kpi_id, present.kpi_id) as kpi_id,
        coalesce(locked_readings.entity_kind, present.entity_kind) as entity_kind,
        coalesce(locked_readings.entity_id, present.entity_id) as entity_id,
        coalesce(locked_readings.period_kind, present.period_kind) as period_kind,
        coalesce(locked_readings.period_start_date, present.period_start_date)
            as period_start_date,
        coalesce(locked_readings.period_end_date, present.period_end_date) as period_end_date,
        locked_readings.numerator as locked_numerator,
        locked_readings.denominator as locked_denominator,
        locked_readings.n as locked_n,
        locked_readings.reading_value as locked_value,
        present.numerator as present_numerator,
        present.denominator as present_denominator,
        present.n as present_n,
        present.reading_value as present_value,
        locked_readings.definition_hash = present.definition_hash as is_same_definition
    from locked_readings
    full outer join present
        on
            locked_readings.kpi_id = present.kpi_id
            and locked_readings.entity_kind = present.entity_kind
            and locked_readings.entity_id = present.entity_id
            and locked_readings.period_kind = present.period_kind
            and locked_readings.period_start_date = present.period_start_date

),

changed as (

    select *
    from compared
    where
        coalesce(locked_value <> present_value, locked_value is null <> (present_value is null))
        or coalesce(
            locked_numerator <> present_numerator,
            locked_numerator is null <> (present_numerator is null)
        )
        or coalesce(
            locked_denominator <> present_denominator,
            locked_denominator is null <> (present_denominator is null)
        )
        or coalesce(locked_n <> present_n, locked_n is null <> (present_n is null))

)

select
    changed.kpi_id,
    changed.entity_kind,
    changed.entity_id,
    changed.period_kind,
    changed.period_start_date,
    max(changed.locked_numerator) as locked_numerator,
    max(changed.present_numerator) as present_numerator,
    max(changed.locked_denominator) as locked_denominator,
    max(changed.present_denominator) as present_denominator,
    max(changed.locked_n) as locked_n,
    max(changed.present_n) as present_n,
    max(changed.locked_value) as locked_value,
    max(changed.present_value) as present_value,
    round(max(changed.present_value) - max(changed.locked_value), 10) as value_difference,
    max(deliveries.last_delivery_date) as last_delivery_date,
    min(locked_entities.as_of_date) as locked_as_of_date,
    min(locked_entities.act_seq) as locked_by_act_seq,
    bool_and(changed.is_same_definition) as is_same_definition
from changed
inner join locked_entities
    on
        changed.entity_kind = locked_entities.entity_kind
        and changed.entity_id = locked_entities.entity_id
        and changed.period_start_date >= locked_entities.first_date
        and changed.period_end_date <= locked_entities.last_date
left join deliveries
    on
        changed.kpi_id = deliveries.kpi_id
        and changed.entity_kind = deliveries.entity_kind
        and changed.entity_id = deliveries.entity_id
        and changed.period_kind = deliveries.period_kind
        and changed.period_start_date = deliveries.period_start_date
group by
    changed.kpi_id,
    changed.entity_kind,
    changed.entity_id,
    changed.period_kind,
    changed.period_start_date
