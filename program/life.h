// The life of a program that serves: signals that end it, the word that it is ready, the word that
// it cannot start. Called by mains alone, from their first thread.
#pragma once

#include <csignal>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace outboard::program {

// SIGTERM, SIGINT and SIGHUP, blocked before the first thread is born, so that all inherit it and
// await_end (or a signalfd) alone takes them. SIGPIPE is ignored: a peer that went is an error of
// writing.
sigset_t block_end_signals();

// Blocks until one of them comes, and logs which.
void await_end(const sigset_t& ends);
void log_end(int signal);

// One line for each, then closes it. -1: nobody waits.
void tell_ready(int fd, const std::vector<std::string>& lines);

// Logs why the program cannot start; its exit code, 1.
int refuse(std::string_view what, const Error& error);

}  // namespace outboard::program
