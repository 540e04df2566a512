"""Recognition: networks named in one registry, faces, dishes, tableware and kitchens; decides nothing about money."""
