-- Grain: one row per truth about the state of a KPI: valid days by recorded instants.
-- draft, assessed, approved, live or retired.
{{ bitemporal('lifecycle', {
    'kpi_id': 'varchar',
    'reason': 'varchar',
    'impact': 'varchar',
    'affected': 'varchar',
    'safeguards': 'varchar',
    'review_on': 'date',
    'replaced_by': 'varchar',
}) }}
