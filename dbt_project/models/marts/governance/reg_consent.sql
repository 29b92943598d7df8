-- Grain: one row per truth about what a person agreed to: valid days by recorded instants.
-- No row and state `withdrawn` are both a no.
{{ bitemporal('consent', {
    'person_id': 'varchar',
    'purpose': 'varchar',
}) }}
