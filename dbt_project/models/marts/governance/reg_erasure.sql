-- Grain: one row per truth about an order to erase the content of an act: valid days by recorded
-- instants.
-- The act itself is in the ledger with number and time alone.
{{ bitemporal('erasure', {
    'entries': 'json',
    'legal_ground': 'varchar',
}) }}
