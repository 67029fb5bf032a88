// The gRPC library's life within the process: from its first use to the process's end.
//
// gRPC shuts its library down with the last channel or server and starts it again with the next.
// That shutdown waits for a poller that may sleep for ten seconds (met in 1.51 after large
// messages), so a program that closes its only channel would seem to hang. Holding one reference
// for good avoids it; the process's end needs no shutdown. gRPC's locks do not look for cycles
// either: that cost a tenth of each call. Any thread, any number of times.
#pragma once

namespace outboard::wire {

void keep_grpc_alive();

}  // namespace outboard::wire
