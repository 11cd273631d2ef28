"""A charge point's half of OCPP 1.6: transactions, configuration, commands, metering. No I/O."""
