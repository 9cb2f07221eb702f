"""The engine of `medusa-db`: talks to PostgreSQL, knows nothing of Kubernetes."""

__version__ = "0.1.0"
