"""Seeded worlds: whole stretches of life decided by chance, judged by an auditor that counts for itself."""
