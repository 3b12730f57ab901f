"""Release: results are held, and leave only by a named person's verdict. Never sends."""
