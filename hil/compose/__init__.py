"""Sites as containers: the image, the compose file of a site, and the engine that runs them."""
