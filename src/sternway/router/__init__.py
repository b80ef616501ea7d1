"""What carries requests to formations: Caddy, or memory."""
