"""OCPP 1.6J as charging stations and central systems speak it. What is here runs without a socket or a clock."""
