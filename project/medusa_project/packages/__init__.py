"""Which Medusa a folder has installed, and by which programs and words it is started."""
