"""Bar code and QR code scanners on a serial line: one text line a code."""
