"""What can be seen from outside of what the server does: metrics, log lines and traces, from `Observer.answered`."""
