-- Grain: one row per truth about a remark on a figure: valid days by recorded instants.
-- State `confirmed` with `is_special_cause` takes the point out of its chart's limits. The words
-- of the remark stay in the ledger.
{{ bitemporal('annotation', {
    'kpi_id': 'varchar',
    'entity_kind': 'varchar',
    'entity_id': 'varchar',
    'period': 'varchar',
    'cause_code': 'varchar',
    'is_special_cause': 'boolean',
    'evidence': 'json',
    'reason': 'varchar',
}) }}
