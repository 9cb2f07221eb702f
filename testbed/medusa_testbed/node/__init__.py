"""A real node: images are built and containers run; needs root."""
