"""What all apps stand on: the user, jobs, blobs, problems, the embedded services. Knows no app."""
