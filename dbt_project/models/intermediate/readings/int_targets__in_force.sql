-- Grain: one row per KPI, entity and period with a target agreed for its org unit.
-- A site or line takes the target of its org unit; a leader that of the highest unit they led on
-- the period's last day. A narrower period wins over a wider one; of one unit and period the truth
-- that was recorded later, in the planning feed or as an act, if it was valid by the end of the
-- period. `..._when_final` is what the acts said when the period became final.
with

-- A version holds until a later one does; when that is valid first, it never did.
feed_targets as (

    select
        kpi_id,
        org_unit_id,
        period_label,
        version_no,
        threshold_level,
        target_level,
        stretch_level,
        valid_from,
        delivery_date,
        min(valid_from) over (
            partition by kpi_id, org_unit_id, period_label
            order by version_no
            rows between 1 following and unbounded following
        ) as next_valid_from
    from {{ ref('stg_leadership__kpi_targets') }}

),

targets as (

    select
        kpi_id,
        org_unit_id,
        {{ period_kind_of('period_label') }} as label_kind,
        {{ period_start_of('period_label') }} as label_start_date,
        version_no,
        cast(null as bigint) as act_seq,
        cast(threshold_level as decimal(28, 10)) as threshold_level,
        cast(target_level as decimal(28, 10)) as target_level,
        cast(stretch_level as decimal(28, 10)) as stretch_level,
        valid_from,
        coalesce({{ add_days('next_valid_from', -1) }}, {{ open_end() }}) as valid_to,
        cast({{ add_days('delivery_date', 1) }} as timestamp) as recorded_from_utc,
        cast(null as timestamp) as recorded_to_utc
    from feed_targets

    union all

    select
        kpi_id,
        org_unit_id,
        {{ period_kind_of('period') }} as label_kind,
        {{ period_start_of('period') }} as label_start_date,
        cast(null as bigint) as version_no,
        act_seq,
        threshold as threshold_level,
        target as target_level,
        stretch as stretch_level,
        valid_from,
        valid_to,
        recorded_from_utc,
        recorded_to_utc
    from {{ ref('reg_target') }}

),

first_agreed as (

    select
        kpi_id,
        org_unit_id,
        label_kind,
        label_start_date,
        threshold_level,
        target_level,
        stretch_level
    from {{ ref('int_targets__history') }}
    where step_no = 1

),

grains as (

    select
        kpi_id,
        entity_kind,
        period_kind
    from {{ source('registry', 'kpi_grains') }}

),

latency as (

    select
        kpi_id,
        latency_days
    from {{ ref('int_kpis__inputs') }}

),

parameters as (

    select as_of_date
    from {{ ref('int_run__parameters') }}

),

periods as (

    select
        period_kind,
        period_start_date,
        period_end_date,
        elapsed_end_date
    from {{ ref('dim_periods') }}

),

-- A period and those that hold it: a quarter takes no target from its first month.
holders as (

    select
        period_kind,
        period_start_date,
        period_end_date,
        elapsed_end_date,
        period_kind as label_kind,
        period_start_date as label_start_date,
        1 as width
    from periods

    union all

    select
        period_kind,
        period_start_date,
        period_end_date,
        elapsed_end_date,
        'month' as label_kind,
        {{ period_start('month', 'period_start_date') }} as label_start_date,
        2 as width
    from periods
    where period_kind in ('day', 'week')

    union all

    select
        period_kind,
        period_start_date,
        period_end_date,
        elapsed_end_date,
        'quarter' as label_kind,
        {{ period_start('quarter', 'period_start_date') }} as label_start_date,
        3 as width
    from periods
    where period_kind in ('day', 'week', 'month')

    union all

    select
        period_kind,
        period_start_date,
        period_end_date,
        elapsed_end_date,
        'year' as label_kind,
        {{ period_start('year', 'period_start_date') }} as label_start_date,
        4 as width
    from periods
    where period_kind <> 'year'

),

depth as (

    select
        org_unit_id,
        valid_from,
        valid_to,
        max(steps) as levels_above
    from {{ ref('int_org__closure') }}
    group by org_unit_id, valid_from, valid_to

),

leadership as (

    select
        leadership.leader_id,
        leadership.org_unit_id,
        leadership.valid_from,
        leadership.valid_to,
        min(depth.levels_above) as levels_above
    from {{ ref('bridge_leadership') }} as leadership
    inner join depth
        on
            leadership.org_unit_id = depth.org_unit_id
            and leadership.valid_from <= depth.valid_to
            and leadership.valid_to >= depth.valid_from
    group by
        leadership.leader_id,
        leadership.org_unit_id,
        leadership.valid_from,
        leadership.valid_to

),

entity_units as (

    select
        equipment_level as entity_kind,
        case equipment_level when 'site' then site_id else equipment_id end as entity_id,
        org_unit_id,
        valid_from,
        valid_to,
        0 as levels_above
    from {{ ref('dim_equipment') }}
    where equipment_level in ('site', 'line') and org_unit_id is not null

    union all

    select
        'org_unit' as entity_kind,
        org_unit_id as entity_id,
        org_unit_id,
        cast('0001-01-01' as date) as valid_from,
        {{ open_end() }} as valid_to,
        0 as levels_above
    from {{ ref('dim_org_units') }}
    group by org_unit_id

    union all

    select
        'leader' as entity_kind,
        leader_id as entity_id,
        org_unit_id,
        valid_from,
        valid_to,
        levels_above
    from leadership

),

matched as (

    select
        targets.kpi_id,
        entity_units.entity_kind,
        entity_units.entity_id,
        holders.period_kind,
        holders.period_start_date,
        targets.org_unit_id,
        targets.label_kind,
        targets.label_start_date,
        targets.threshold_level,
        targets.target_level,
        targets.stretch_level,
        targets.version_no,
        targets.act_seq,
        targets.recorded_from_utc,
        entity_units.levels_above,
        holders.width,
        targets.recorded_to_utc,
        holders.period_end_date,
        latency.latency_days
    from targets
    inner join entity_units on targets.org_unit_id = entity_units.org_unit_id
    inner join grains
        on targets.kpi_id = grains.kpi_id and entity_units.entity_kind = grains.entity_kind
    inner join holders
        on
            grains.period_kind = holders.period_kind
            and targets.label_kind = holders.label_kind
            and targets.label_start_date = holders.label_start_date
            and holders.period_end_date between targets.valid_from and targets.valid_to
            and holders.elapsed_end_date between entity_units.valid_from and entity_units.valid_to
    left join latency on targets.kpi_id = latency.kpi_id

),

candidates as (

    select
        *,
        cast({{ add_days('period_end_date', 'latency_days + 1') }} as timestamp) as final_from_utc
    from matched

),

known_now as (

    select
        *,
        row_number() over (
            partition by kpi_id, entity_kind, entity_id, period_kind, period_start_date
            order by
                levels_above asc,
                org_unit_id asc,
                width asc,
                recorded_from_utc desc,
                act_seq desc
        ) as precedence
    from candidates
    where recorded_to_utc is null

),

-- What the feed said before a version was delivered again is not known: all its versions count.
known_then as (

    select
        *,
        row_number() over (
            partition by kpi_id, entity_kind, entity_id, period_kind, period_start_date
            order by
                levels_above asc,
                org_unit_id asc,
                width asc,
                recorded_from_utc desc,
                act_seq desc
        ) as precedence
    from candidates
    where
        act_seq is null
        or (
            recorded_from_utc < final_from_utc
            and coalesce(recorded_to_utc >= final_from_utc, true)
        )

)

select
    known_now.kpi_id,
    known_now.entity_kind,
    known_now.entity_id,
    known_now.period_kind,
    known_now.period_start_date,
    known_now.threshold_level,
    known_now.target_level,
    known_now.stretch_level,
    known_now.version_no as target_version,
    known_now.act_seq as target_act_seq,
    first_agreed.target_level as original_target_level,
    coalesce(
        known_now.threshold_level is distinct from first_agreed.threshold_level
        or known_now.target_level is distinct from first_agreed.target_level
        or known_now.stretch_level is distinct from first_agreed.stretch_level,
        false
    ) as is_target_changed,
    {%- for level in ['threshold', 'target', 'stretch'] %}
        case
            when known_now.final_from_utc <= cast(parameters.as_of_date as timestamp)
                then known_then.{{ level }}_level
            else known_now.{{ level }}_level
        end as {{ level }}_level_when_final
        {%- if not loop.last %},{% endif %}
    {%- endfor %}
from known_now
cross join parameters
left join known_then
    on
        known_now.kpi_id = known_then.kpi_id
        and known_now.entity_kind = known_then.entity_kind
        and known_now.entity_id = known_then.entity_id
        and known_now.period_kind = known_then.period_kind
        and known_now.period_start_date = known_then.period_start_date
        and known_then.precedence = 1
left join first_agreed
    on
        known_now.kpi_id = first_agreed.kpi_id
        and known_now.org_unit_id = first_agreed.org_unit_id
        and known_now.label_kind = first_agreed.label_kind
        and known_now.label_start_date = first_agreed.label_start_date
where known_now.precedence = 1
