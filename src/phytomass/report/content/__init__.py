"""What is there to show: results as they were read, and the blocks a page is made of."""
