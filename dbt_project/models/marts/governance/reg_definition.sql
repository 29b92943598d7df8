-- Grain: one row per truth about which logic of a KPI is approved: valid days by recorded
-- instants.
-- A KPI whose logic has another hash is withheld from publication.
{{ bitemporal('definition', {
    'kpi_id': 'varchar',
    'from_hash': 'varchar',
    'to_hash': 'varchar',
    'change': 'varchar',
    'readings_compared': 'bigint',
    'readings_changed': 'bigint',
    'largest_change': 'decimal(28, 10)',
    'carries_out': 'bigint',
}) }}
