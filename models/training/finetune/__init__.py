"""A site's own training: from a package and the site's pairs to a package with a card that says what it gained."""
