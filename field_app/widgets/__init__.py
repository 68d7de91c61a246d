"""Building blocks of the screens: looks and behaviour, no rules of the trade, no SQL."""
