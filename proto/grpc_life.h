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

// Fits gRPC to a process, once, before its first use and before there is a second thread. What the
// environment asks of gRPC already stays.
//
// Many connections, of which most are idle: each keeps a small room for what it reads next (the
// channel's GRPC_ARG_TCP_READ_CHUNK_SIZE), not the 8 KiB of gRPC's experiment.
void fit_grpc_to_server();
// Few connections, and threads that each wait for an answer: each polls its own call's connection,
// where else one polls for all and wakes the others. Some call must wait for a connection that is
// being made (wait_for_ready): else nobody reads what comes on it. [D39]
void fit_grpc_to_client();

}  // namespace outboard::wire
