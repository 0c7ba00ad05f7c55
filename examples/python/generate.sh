#!/bin/sh
# Generates the Python stubs of proto/ into the folder that is given, or into gen/ beside this file.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-"$here/gen"}
if ! plugin=$(command -v grpc_python_plugin) || ! command -v protoc >/dev/null; then
  echo "wanted: apt-get install protobuf-compiler protobuf-compiler-grpc libprotobuf-dev" >&2
  exit 1
fi
mkdir -p "$out"
# google/rpc is what errors are made of. pyi_out is for editors and type checkers.
protoc --proto_path="$here/../../proto" \
  --python_out="$out" --pyi_out="$out" \
  --plugin=protoc-gen-grpc_python="$plugin" --grpc_python_out="$out" \
  identity/v1/directory_service.proto identity/v1/user.proto \
  google/rpc/error_details.proto google/rpc/status.proto
