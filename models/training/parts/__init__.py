"""What recipes are put together from: generators, discriminators and losses, one a file, and their registry."""
