"""Equipment: models, units, what covers them, their past vouchers, stop of use."""
