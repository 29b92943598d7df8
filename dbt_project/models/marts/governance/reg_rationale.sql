-- Grain: one row per truth about why a rating lies far from what was expected: valid days by
-- recorded instants.
-- Not published: it speaks of persons. What was said of them stays in the ledger, with those who
-- may read it there, and in the dossier of the one person.
{{ bitemporal('rationale', {
    'cycle_id': 'varchar',
    'employee_id': 'varchar',
}) }}
