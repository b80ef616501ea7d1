"""Where the executable begins, once it is unpacked: puts right what the way there left in the environment.

Editors and whatever else the command line starts must not find the libraries of this program before their own.
"""

import os
import sys

CERTIFICATES = "@CERTIFICATES@"
"""Where the OpenSSL that is inside looks for them; it was built on another machine."""
BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem")


def main() -> None:
    # The name that it was called by is what it goes by, and what an update replaces.
    sys.argv[0] = os.environ.pop("STERNWAY_EXECUTABLE", sys.argv[0])
    before = os.environ.pop("LD_LIBRARY_PATH_ORIG", None)
    os.environ.pop("LD_LIBRARY_PATH", None)
    if before is not None:
        os.environ["LD_LIBRARY_PATH"] = before
    for name in [name for name in os.environ if name.startswith("_PYI_")]:
        del os.environ[name]
    if not os.path.isdir(CERTIFICATES) and not os.environ.keys() & {"SSL_CERT_FILE", "SSL_CERT_DIR"}:
        for bundle in filter(os.path.exists, BUNDLES):
            os.environ["SSL_CERT_FILE"] = bundle
            break
    from sternway.cli.main import main as run

    run()


if __name__ == "__main__":
    main()
