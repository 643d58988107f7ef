"""What the two stand-ins share when they run as programs: common options, one JSON line with the
address once they listen, a clean end on SIGTERM and SIGINT."""

import argparse
import json
import os
import signal
import ssl
import sys
import threading


def parser(description):
    result = argparse.ArgumentParser(description=description)
    result.add_argument("--host", default="127.0.0.1")
    result.add_argument("--port", type=int, default=0, help="0 takes any free port")
    result.add_argument("--unix", metavar="PATH", help="listen on a unix socket instead")
    result.add_argument("--tls-cert", metavar="FILE")
    result.add_argument("--tls-key", metavar="FILE")
    result.add_argument("--tls-client-ca", metavar="FILE",
                        help="require a client certificate of this authority")
    result.add_argument("--record", metavar="FILE", help="append each request as a JSON line")
    return result


def server_options(arguments):
    """The keyword arguments of HttpServer that the common options stand for."""
    tls = None
    if arguments.tls_cert:
        tls = server_context(arguments.tls_cert, arguments.tls_key, arguments.tls_client_ca)
    return {"host": arguments.host, "port": arguments.port, "unix_path": arguments.unix,
            "tls": tls, "record_path": arguments.record}


def server_context(cert, key, client_ca=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(cert, key)
    if client_ca:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_ca)
    return context


def run(standin):
    """Serve until a signal asks to stop."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with standin:
        print(json.dumps({"url": standin.url, "pid": os.getpid()}), flush=True)
        while not stop.wait(3600):
            pass
    return 0


def main(function):
    try:
        sys.exit(function())
    except OSError as error:
        sys.exit(f"cannot serve: {error}")
