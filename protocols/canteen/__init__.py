"""The canteen's words that cross to the edge: lanes, dishes, prices and plates."""
