-- Grain: one row per truth about why a rating lies far from what was expected: valid days by
-- recorded instants.
-- Not published: it speaks of persons.
{{ bitemporal('rationale', {
    'cycle_id': 'varchar',
    'employee_id': 'varchar',
    'rationale': 'varchar',
    'evidence': 'json',
    'reason': 'varchar',
}) }}
