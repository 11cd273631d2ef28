"""Where OCPP meets the world: WebSocket connections of both roles, TLS, and what a charger family binds."""
