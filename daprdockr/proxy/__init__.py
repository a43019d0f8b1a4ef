"""HTTP: routes made from healthy instances, the nginx configuration for them, and the nginx that is supervised."""
