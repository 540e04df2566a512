"""Scripts that set the working copy up and keep its generated pages; standard library only."""
