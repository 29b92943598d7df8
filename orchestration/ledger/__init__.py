"""Human decisions as entries of one append-only, hash-chained ledger."""
