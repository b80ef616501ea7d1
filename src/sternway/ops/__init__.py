"""Use cases by noun: check, append rows, answer at once. The work itself is done by `reconcile`."""
