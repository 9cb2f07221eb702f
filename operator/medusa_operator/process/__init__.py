"""One process of the operator: its flags, its turn among replicas, its pages over HTTP, its log."""
