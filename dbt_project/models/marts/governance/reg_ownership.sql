-- Grain: one row per truth about who answers for a KPI: valid days by recorded instants.
-- State `disputed` keeps the owner until the board has ruled.
{{ bitemporal('ownership', {
    'kpi_id': 'varchar',
    'owner_id': 'varchar',
    'reason': 'varchar',
    'consulted': 'json',
    'informed': 'json',
    'claim': 'varchar',
    'ruling': 'varchar',
}) }}
