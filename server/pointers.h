// Pointers: up to which seq the readers of each volume see it.
//
// ReviewedStore asks for every reader's request, so it is kept in memory: loaded when first asked
// for, moved by every publish that the listener hears of, and read anew every kProgressInterval in
// case a doorbell was lost. [S33]
//
// What always holds: a reviewed volume's pointer never goes back; a load that was overtaken by news
// is not kept. Any thread.
#pragma once

#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/entry.h"
#include "core/guarded.h"
#include "core/store.h"

namespace outboard::server {

struct Pointer {
  VolumeMode mode = VolumeMode::direct;
  Seq seq;  // of a reviewed volume

  friend bool operator==(const Pointer&, const Pointer&) = default;
};

// Where pointers and revisions are kept. All may fail with unavailable.
class RevisionReader {
 public:
  virtual ~RevisionReader() = default;
  // not_found: no such volume.
  virtual Result<Pointer> pointer(VolumeId volume, Moment deadline) = 0;
  // The seq of a revision, by its name or its number: "spring", "12". not_found: there is none, its
  // tree is not kept, or it is above `most` (0: no bound) or was never published.
  virtual Result<Seq> seq_of(VolumeId volume, std::string_view revision, Moment deadline,
                             Seq most = {}) = 0;
  // Of each file its newest version with a seq of at most `upto`, or the asked one, if that is not
  // newer; Version{0}: there is none.
  virtual Result<std::vector<Version>> visible(VolumeId volume, const std::vector<ContentKey>& keys,
                                               Seq upto, Moment deadline) = 0;
};

class Pointers {
 public:
  explicit Pointers(RevisionReader& reader) : reader_(reader) {}
  Pointers(const Pointers&) = delete;
  Pointers& operator=(const Pointers&) = delete;

  Result<Pointer> of(VolumeId volume, Moment deadline);
  // What is known without asking, however old.
  std::optional<Pointer> known(VolumeId volume);
  // A publish, or a change of mode.
  void moved(VolumeId volume, const Pointer& pointer);
  // News may have been lost: all are read anew when next asked for.
  void doubt();

 private:
  struct Entry {
    Pointer pointer;
    Moment until{};
  };
  struct Table {
    std::unordered_map<VolumeId, Entry> entries;
    std::uint64_t news = 0;  // counts moved() and doubt()
  };
  static void put(Table& table, VolumeId volume, const Pointer& pointer);

  RevisionReader& reader_;
  Guarded<Table> table_;
};

}  // namespace outboard::server
