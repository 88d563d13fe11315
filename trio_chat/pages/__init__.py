"""Makes the script and the style sheet of each web page from its files, once at start."""
