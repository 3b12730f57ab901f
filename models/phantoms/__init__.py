"""Bodies that are known exactly, to try the whole way on without any patient."""
