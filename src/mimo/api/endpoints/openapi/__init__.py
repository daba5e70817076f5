"""The OpenAPI document, made from the tables that validate requests."""
