-- Grain: one row per version of a finding.
select
    finding_id,
    version as version_no,
    audit_id,
    site as site_id,
    owner_id,
    severity as severity_code,
    raised_date,
    response_due as response_due_date,
    responded_date,
    closed_date,
    standard_ref,
    _delivery_date as delivery_date
from {{ source('raw', 'audit_findings') }}
