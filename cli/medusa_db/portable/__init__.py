"""The tree that `install` copies out of the image, to be started in the container of any other image."""
