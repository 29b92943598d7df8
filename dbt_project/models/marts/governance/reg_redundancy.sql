-- Grain: one row per truth about what becomes of two KPIs that say the same: valid days by recorded
-- instants.
{{ bitemporal('redundancy', {
    'kpi_id': 'varchar',
    'other_kpi_id': 'varchar',
    'kept_kpi_id': 'varchar',
    'review_on': 'date',
    'reason': 'varchar',
}) }}
