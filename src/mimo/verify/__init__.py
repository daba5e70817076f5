"""Whether an endpoint does what the contract says, measured from outside."""
