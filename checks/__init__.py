"""Judgement: checks that answer a question about the world, and gates that weigh measurements."""
