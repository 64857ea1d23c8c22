"""A gRPC server that is asked for its health, over bare bytes. orders.py ADDRESS PORT HEALTH"""

import sys
from concurrent import futures

import grpc

address, port, health = sys.argv[1:]
SERVICES = ["", "shop.v1.Orders"]


def check(request, context):
    service = request[2:].decode() if request else ""
    if dict(context.invocation_metadata()).get("authorization") == "Bearer wrong-token":
        context.abort(grpc.StatusCode.UNAUTHENTICATED, "Bearer wrong-token is not known")
    if service not in SERVICES:
        context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
    return bytes([8, 1]) if health == "serving" else bytes([8, 2])


class Health(grpc.GenericRpcHandler):
    def service(self, details):
        if health == "absent" or details.method != "/grpc.health.v1.Health/Check":
            return None
        return grpc.unary_unary_rpc_method_handler(check)


server = grpc.server(futures.ThreadPoolExecutor(2))
server.add_generic_rpc_handlers([Health()])
server.add_insecure_port(f"{address}:{port}")
server.start()
server.wait_for_termination()
