"""The edge that speaks the wire contract: HTTP and WebSocket."""
