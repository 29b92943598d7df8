-- Grain: one row per truth about a figure looked up in a second source: valid days by recorded
-- instants. It changes no figure.
{{ bitemporal('spot_check', {
    'kpi_id': 'varchar',
    'entity_kind': 'varchar',
    'entity_id': 'varchar',
    'period': 'varchar',
    'second_value': 'decimal(28, 10)',
    'second_source': 'varchar',
    'reason': 'varchar',
}) }}
