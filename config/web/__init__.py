"""Pages that belong to no single app: the start page, signing in and out, and the answer for load balancers."""
