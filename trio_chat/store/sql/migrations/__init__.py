"""How the tables of a store came to be as they are, one step a file. Alembic runs them."""
