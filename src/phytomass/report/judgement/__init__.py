"""What the numbers say: facts, the rules of limits, and their sentences."""
