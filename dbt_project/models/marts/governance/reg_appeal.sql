-- Grain: one row per truth about an appeal against a rating: valid days by recorded instants.
-- State `decided` is a new version of the rating. What was claimed and on what grounds it was
-- decided stays in the ledger, with those who may read it there.
{{ bitemporal('appeal', {
    'cycle_id': 'varchar',
    'employee_id': 'varchar',
    'rater_id': 'varchar',
    'rating': 'varchar',
    'reviewer_id': 'varchar',
    'due_on': 'date',
    'outcome': 'varchar',
    'new_rating': 'varchar',
}) }}
