"""Routes that belong to no protocol: models, tokenize, the OpenAPI document."""
