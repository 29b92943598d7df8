-- Grain: one row per truth about a step of a trial on a line, done or undone: valid days by
-- recorded instants.
{{ bitemporal('trial_step', {
    'trial_id': 'varchar',
    'entity_kind': 'varchar',
    'entity_id': 'varchar',
    'step_id': 'varchar',
    'done_on': 'date',
    'evidence': 'json',
    'reason': 'varchar',
}) }}
