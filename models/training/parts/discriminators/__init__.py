"""Networks that tell true images from made ones; one a file."""
