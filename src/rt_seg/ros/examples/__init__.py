"""Small nodes that make something of the results: how one reads them, and what one can do with them."""
