"""Chat templates that come with other models."""
