-- What runs have cost since a day began is added up when somebody sets a budget for it.
CREATE INDEX usage_rows_booked ON usage_rows (booked_at);
