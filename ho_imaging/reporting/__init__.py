"""Results for others: a versioned schema, masks and pictures."""
