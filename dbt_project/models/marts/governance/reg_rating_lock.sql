-- Grain: one row per truth about whether a rating cycle is closed: valid days by recorded instants.
{{ bitemporal('rating_lock', {
    'cycle_id': 'varchar',
    'reason': 'varchar',
}) }}
