-- Grain: one row per truth about what a signal turned out to be: valid days by recorded instants.
-- How that is known, in words, stays in the ledger.
{{ bitemporal('signal', {
    'kpi_id': 'varchar',
    'entity_kind': 'varchar',
    'entity_id': 'varchar',
    'period': 'varchar',
    'label': 'varchar',
}) }}
