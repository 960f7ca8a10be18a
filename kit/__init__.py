"""What deploys the Bridge in containers: data that `lighthouse-migrate kit write` copies into a project."""
