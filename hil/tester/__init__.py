"""What a person at a site can do and see, role by role."""
