"""Training, export and evaluation of onespace-mini, the embedding model that ships with onespace."""
