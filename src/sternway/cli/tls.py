"""How TLS is spoken with a rack; a module of its own since most racks of one machine need none of it."""

import ssl


def context() -> ssl.SSLContext:
    """Return a context that takes every certificate.

    No certificate is verified: racks make their own at their first start, and every client of this API
    takes them so. The URL's password is what tells racks apart; use a tunnel where the path is not trusted.
    """
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    found.check_hostname = False
    found.verify_mode = ssl.CERT_NONE
    return found
