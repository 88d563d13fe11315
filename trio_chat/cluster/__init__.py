"""Several nodes on one store: what they tell each other, and what each makes of it."""
