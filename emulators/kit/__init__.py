"""What device families share. Nothing in here knows a product, and nothing imports ``hil``."""
