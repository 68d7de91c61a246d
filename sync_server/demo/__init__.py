"""A demo company, made by the product's own import and commands. Nothing here is part of a real installation."""
