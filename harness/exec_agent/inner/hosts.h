// Hosts: the processes between the inner layer's init and what runs for the model. One for each
// command, shell or file request; each speaks with the exec agent over a conversation of its own.
//
// init forks a host; it never returns. When the conversation ends (the agent is gone, or wants no
// more) a host kills what it hosts and exits. Single-threaded.
#pragma once

#include <string>
#include <vector>

namespace outboard::harness {

// Runs one program. Says `started`, takes `signal`, says `ended`.
[[noreturn]] void host_command(int conversation, const std::vector<std::string>& words, int output);

// Runs one bash that takes command after command. Says `started`, takes `run` and `signal`, says
// `ended` for each run; exits when its shell does.
//
// The shell reads "go" lines from descriptor 198 and reports to 199; the text of a command and its
// output are this process' descriptors 201 and 200, which the shell opens by way of /proc. So
// nothing of ours appears in the command's output, and its exit status is not parsed out of it.
[[noreturn]] void host_shell(int conversation, const std::vector<std::string>& words);

// Opens a file of the workspace; symlinks are followed only within it. Says `opened`.
[[noreturn]] void host_read_file(int conversation, const std::vector<std::string>& words);

// Opens a new file beside the named one and says `opened`; at `commit` it takes the name's place.
// Says `finished`; without a commit the new file is removed.
[[noreturn]] void host_write_file(int conversation, const std::vector<std::string>& words);

}  // namespace outboard::harness
