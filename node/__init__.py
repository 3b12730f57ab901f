"""The service: receive, keep, route, run, release, deliver, account. Never imports torch itself."""
