-- Grain: one row per truth about a phase of a control chart: valid days by recorded instants.
-- While `begun` the chart has limits of its own from that period on.
{{ bitemporal('chart', {
    'kpi_id': 'varchar',
    'entity_kind': 'varchar',
    'entity_id': 'varchar',
    'period': 'varchar',
    'cause_code': 'varchar',
    'reason': 'varchar',
    'evidence': 'json',
}) }}
