"""Certificates for a test, made with the openssl program: an authority, a server, a client."""

import subprocess
from pathlib import Path


class Certificates:
    """Paths of PEM files: ca, server_cert, server_key, client_cert, client_key, and a second
    authority with a client of its own, which the server does not trust."""

    def __init__(self, directory, server_names=("server.global.nomad", "localhost")):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.ca, ca_key = self._authority("ca")
        names = ",".join(f"DNS:{name}" for name in server_names)
        self.server_cert, self.server_key = self._signed(
            "server", self.ca, ca_key, f"subjectAltName={names},IP:127.0.0.1")
        self.client_cert, self.client_key = self._signed(
            "client", self.ca, ca_key, "extendedKeyUsage=clientAuth")
        self.other_ca, other_key = self._authority("other-ca")
        self.other_client_cert, self.other_client_key = self._signed(
            "other-client", self.other_ca, other_key, "extendedKeyUsage=clientAuth")

    def _authority(self, name):
        cert, key = self.directory / f"{name}.pem", self.directory / f"{name}-key.pem"
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                      "-nodes", "-keyout", key, "-out", cert, "-days", "2",
                      "-subj", f"/CN={name}", "-addext", "basicConstraints=critical,CA:TRUE",
                      "-addext", "keyUsage=critical,keyCertSign")
        return cert, key

    def _signed(self, name, ca, ca_key, extension):
        cert, key = self.directory / f"{name}.pem", self.directory / f"{name}-key.pem"
        self._openssl("req", "-x509", "-CA", ca, "-CAkey", ca_key, "-newkey", "ec", "-pkeyopt",
                      "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", cert,
                      "-days", "2", "-subj", f"/CN={name}", "-addext",
                      "basicConstraints=critical,CA:FALSE", "-addext", extension)
        key.chmod(0o600)
        return cert, key

    @staticmethod
    def _openssl(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
