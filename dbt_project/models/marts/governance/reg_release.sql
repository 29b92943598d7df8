-- Grain: one row per truth about quarantined rows that are let in: valid days by recorded
-- instants.
-- By feed, delivery and rule.
{{ bitemporal('release', {
    'feed': 'varchar',
    'delivery_date': 'date',
    'rule_id': 'varchar',
    'rows': 'bigint',
    'reason': 'varchar',
    'evidence': 'json',
}) }}
