-- Grain: one row per truth about the levels of a KPI for an org unit and period: valid days by
-- recorded instants.
-- The original baseline is the first row by recorded instant, whatever changed since.
{{ bitemporal('target', {
    'kpi_id': 'varchar',
    'org_unit_id': 'varchar',
    'period': 'varchar',
    'threshold': 'decimal(28, 10)',
    'target': 'decimal(28, 10)',
    'stretch': 'decimal(28, 10)',
    'reason': 'varchar',
    'trigger': 'varchar',
    'justification': 'varchar',
    'impact': 'varchar',
    'broken_assumption': 'varchar',
    'consulted': 'json',
    'informed': 'json',
    'evidence': 'json',
    'answer_by': 'date',
    'proposal_id': 'varchar',
    'proposal_method': 'varchar',
    'proposal_inputs': 'varchar',
}) }}
