"""The front door: associations, bytes into the archive, and the receipt journal. No database, no decoding."""
