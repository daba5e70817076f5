"""One folder per wire protocol, and what they share."""
