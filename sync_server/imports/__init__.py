"""The room of imports: tables from files become commands, previewed first and taken whole or not at all."""
