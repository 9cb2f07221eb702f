"""What goes round: watches fill a cache and a queue, and each resource that is due gets its pass."""
