"""Canteens, what they sell and what was sold. Owns dishes, plates, prices, periods, lanes, settlements for search.

Words: a lane is a point of sale, a stall what earns; a price list is one price with its number, never changed, only
followed; a closing is a lane's business day with its totals. Uses places, identity, payments and devices.
"""
