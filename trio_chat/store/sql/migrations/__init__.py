"""How the tables of a log came to be as they are, one step a file. Alembic runs them."""
