"""Pure: the objects of the API as values, and the words for them."""
