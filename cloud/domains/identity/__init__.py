"""People of an organisation and how they are known. Owns groups, people, credentials, operators; uses places' ids only.

Words: a credential is a card, code or PIN; blocked is the blacklist; a confirmation is a site's word that a
revocation is in force there.
"""
