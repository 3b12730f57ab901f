"""Made patients: phantoms written as the series that a scanner would send. Never a real person's."""
