-- Grain: one row per truth about the rules that a KPI's charts are judged by: valid days by
-- recorded instants. While `changed` periods that begin on its days are judged by the set.
{{ bitemporal('chart_rules', {
    'kpi_id': 'varchar',
    'rule_set': 'varchar',
    'reason': 'varchar',
    'evidence': 'json',
}) }}
