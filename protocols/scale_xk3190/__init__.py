"""Yaohua XK3190 indicators: the A9 continuous frame (format 0) and the A12 text line."""
