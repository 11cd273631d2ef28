"""What stands on the wall of a site: one folder per device family, and the kit that they share."""
