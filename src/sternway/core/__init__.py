"""The pure heart: manifests, releases, promotions, plans and events. No I/O, no async."""
