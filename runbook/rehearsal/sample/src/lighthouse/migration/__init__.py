"""What is needed during the migration only."""
