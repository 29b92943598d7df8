-- Grain: one row per truth about a data-quality rule that is waived: valid days by recorded
-- instants.
-- Rows that fail it pass on its valid days, counted and marked.
{{ bitemporal('waiver', {
    'feed': 'varchar',
    'rule_id': 'varchar',
    'reason': 'varchar',
    'expires_on': 'date',
}) }}
