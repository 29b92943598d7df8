-- Grain: one row per truth about a goal: valid days by recorded instants.
-- The first row of a goal by recorded instant is what was agreed; later ones changed it.
{{ bitemporal('goal', {
    'goal_id': 'varchar',
    'statement': 'varchar',
    'org_unit_id': 'varchar',
    'owner_id': 'varchar',
    'consulted': 'json',
    'informed': 'json',
    'kpi_id': 'varchar',
    'period': 'varchar',
    'level': 'decimal(28, 10)',
    'stretch': 'decimal(28, 10)',
    'floor': 'decimal(28, 10)',
    'parent_goal_id': 'varchar',
    'trigger': 'varchar',
    'justification': 'varchar',
    'impact': 'varchar',
    'broken_assumption': 'varchar',
    'reason': 'varchar',
}) }}
