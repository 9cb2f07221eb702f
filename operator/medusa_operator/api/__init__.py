"""What is asked of the Kubernetes API, and what it answers; no room but this one speaks to it."""
