"""Files of tickets at the desk: seen, added, taken back."""
