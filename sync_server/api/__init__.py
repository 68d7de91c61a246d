"""What other programs of the house may ask of the server, beside tablets and console."""
