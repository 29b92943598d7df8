-- Grain: one row per truth about which target stands against the odds: valid days by recorded
-- instants.
{{ bitemporal('feasibility', {
    'kpi_id': 'varchar',
    'org_unit_id': 'varchar',
    'period': 'varchar',
    'level': 'decimal(28, 10)',
    'reason': 'varchar',
    'evidence': 'json',
}) }}
