"""A stand-in for kubelet and scheduler: pods run as local processes."""
