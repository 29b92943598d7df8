-- Grain: one row per truth about whether a period of an org unit is closed: valid days by recorded
-- instants.
-- While `locked` its cards read the snapshot that is named here.
{{ bitemporal('period_lock', {
    'org_unit_id': 'varchar',
    'period': 'varchar',
    'snapshot': 'varchar',
    'reason': 'varchar',
}) }}
