"""What operators see of the server: log, spans, metrics and health."""
