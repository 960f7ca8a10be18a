"""The nine weeks: what is wanted of the deployment, said in declarations only."""
