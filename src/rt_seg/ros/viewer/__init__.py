"""Views of the results outside of the terminal."""
