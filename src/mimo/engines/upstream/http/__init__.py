"""HTTP to an upstream: connections, failover, server-sent events, errors."""
