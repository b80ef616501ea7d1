"""`make version`: the artifacts of a version, built from this checkout."""
