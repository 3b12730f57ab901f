"""Notifications: what people hear of, by signed webhook or e-mail. Nothing here changes a study or a run."""
