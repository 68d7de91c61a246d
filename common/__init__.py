"""What both programs know: kernel, nouns, protocol and catalogues. Imports the standard library and SQLAlchemy only."""
