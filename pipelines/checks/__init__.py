"""What is looked at before and after inference: each check has a measure, what is accepted, a verdict and a reason."""
