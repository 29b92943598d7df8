-- Grain: one row per truth about who holds a role that no org chart gives: valid days by recorded
-- instants.
-- Auditors, board members and others, with the unit for which they hold the role.
{{ bitemporal('appointment', {
    'role': 'varchar',
    'person_id': 'varchar',
    'org_unit_id': 'varchar',
    'reason': 'varchar',
    'until': 'date',
    'employer': 'varchar',
}) }}
