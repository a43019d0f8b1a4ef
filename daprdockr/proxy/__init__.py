"""HTTP: routes built from what runs, the nginx configuration they give, and the nginx that is supervised."""
