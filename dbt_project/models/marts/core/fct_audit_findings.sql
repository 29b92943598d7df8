-- Grain: one row per finding, its latest version.
with

parameters as (

    select last_production_date
    from {{ ref('int_run__parameters') }}

),

versions as (

    select
        finding_id,
        version_no,
        audit_id,
        site_id,
        owner_id,
        severity_code,
        raised_date,
        response_due_date,
        responded_date,
        closed_date,
        standard_ref,
        row_number() over (partition by finding_id order by version_no desc) as recency
    from {{ ref('stg_governance__audit_findings') }}

)

select
    versions.finding_id,
    versions.version_no,
    versions.audit_id,
    versions.site_id,
    versions.owner_id,
    versions.severity_code,
    versions.raised_date,
    versions.response_due_date,
    versions.responded_date,
    versions.closed_date,
    versions.standard_ref,
    case
        when versions.responded_date > versions.response_due_date then 'late'
        when versions.responded_date is not null then 'in_time'
        when versions.response_due_date < parameters.last_production_date then 'overdue'
        else 'open'
    end as response_code
from versions
cross join parameters
where versions.recency = 1
