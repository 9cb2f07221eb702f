"""The files of the shop's own: how they are read, what must not stand in one, and what they do to the rest of the path."""
