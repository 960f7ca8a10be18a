"""What the soak is made of: its clients, and how what a daemon holds is judged."""
