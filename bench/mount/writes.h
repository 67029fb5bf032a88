// Writes: what it takes to change files through a mount, and until another mount shows them.
#pragma once

#include <string>
#include <vector>

namespace outboard::bench {

// Milliseconds of each create + write 1 KiB + close, by one program.
std::vector<double> creates_ms(const std::string& root, int count);
// Of each open(O_APPEND) + write 100 bytes + close.
std::vector<double> appends_ms(const std::string& root, int count);
// Files made in a second by `writers` programs' worth of threads, each in a directory of its own.
double creates_per_second(const std::string& root, int writers, int each);

// From before close() in one mount until read() (of a file that was overwritten), or a listing (of
// a new one), shows it in the other: the other looks without a pause.
std::vector<double> until_read_ms(const std::string& from, const std::string& to, int count);
std::vector<double> until_listed_ms(const std::string& from, const std::string& to, int count);

}  // namespace outboard::bench
