"""Results of studies: their versioned schema, how they are built, and what is kept beside them."""
