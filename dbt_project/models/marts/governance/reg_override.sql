-- Grain: one row per truth about a value that people put in the place of a computed one: valid
-- days by recorded instants.
-- Its valid days are those on which it is shown, not those of the period that it is about.
{{ bitemporal('override', {
    'kpi_id': 'varchar',
    'entity_kind': 'varchar',
    'entity_id': 'varchar',
    'period': 'varchar',
    'old_value': 'decimal(28, 10)',
    'new_value': 'decimal(28, 10)',
    'reason': 'varchar',
    'evidence': 'json',
    'expires_on': 'date',
}) }}
