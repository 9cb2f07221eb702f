"""The Kubernetes side: follows `MedusaDatabase` resources; never opens a database connection."""
