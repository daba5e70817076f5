"""The contract as data: models, parameters and errors. Everything that promises something reads it from here."""
