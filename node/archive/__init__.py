"""What came in and what was made: files under their content hash, and the catalogue that finds them."""
