-- Grain: one row per truth about a dispute over a KPI: valid days by recorded instants.
-- Until state `ruled` the unit's readings are shown as under dispute; a ruling is a precedent.
{{ bitemporal('dispute', {
    'kpi_id': 'varchar',
    'org_unit_id': 'varchar',
    'claim': 'varchar',
    'evidence_query': 'varchar',
    'respondent_id': 'varchar',
    'due_on': 'date',
    'answer': 'varchar',
    'ruling': 'varchar',
    'principle': 'varchar',
    'ordered_change': 'varchar',
    'change_by': 'date',
    'cites': 'json',
}) }}
