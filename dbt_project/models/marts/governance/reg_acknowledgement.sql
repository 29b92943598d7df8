-- Grain: one row per truth about who has taken note of which act: valid days by recorded instants.
-- What is said with it stays in the ledger.
{{ bitemporal('acknowledgement', {}) }}
