#include "fusefs/succession/parking.h"

#include "fusefs/volume/handed_values.h"

namespace outboard::fusefs {

template <class Pack>
void describe(Pack& pack, HandedView& v) {
  pack(v.number, v.view, v.tables, v.notices, v.session.greeted, v.session.replied,
       v.session.waiting);
}

namespace {

Error busy() {
  return Error{Code::timed_out,
               "the mount does not come to rest: a program waits for an answer, or a view is being "
               "unmounted; try again"};
}

}  // namespace

Result<std::unique_ptr<Parking>> Parking::park(std::vector<ParkedView> views, Moment until) {
  std::unique_ptr<Parking> parking(new Parking(std::move(views)));
  // A change that is told is told to its end: for the next daemon its teller would be a program.
  for (const ParkedView& view : parking->views_) {
    if (!view.volume.pause_tellings(until)) return busy();
    ++parking->tellers_;
  }
  // Who answers a request may wait for what the flusher or a lock's thread does: those stop last.
  for (const ParkedView& view : parking->views_) {
    if (!view.session.park(until)) return busy();
    ++parking->sessions_;
  }
  for (const ParkedView& view : parking->views_) {
    if (!view.flusher.pause(until)) return busy();
    ++parking->flushers_;
  }
  for (const ParkedView& view : parking->views_) {
    if (!view.volume.park(until)) return busy();
    ++parking->volumes_;
  }
  return parking;
}

Parking::~Parking() {
  while (volumes_ > 0) views_[--volumes_].volume.unpark();
  while (flushers_ > 0) views_[--flushers_].flusher.resume();
  while (sessions_ > 0) views_[--sessions_].session.unpark();
  while (tellers_ > 0) views_[--tellers_].volume.resume_tellings();
}

std::string Parking::tables(RequestNumbers& numbers) const {
  std::vector<HandedView> handed;
  for (const ParkedView& view : views_) {
    HandedView one;
    one.number = view.number;
    one.view = view.volume.view();
    one.view.mountpoints = view.volume.mountpoints();
    one.tables = view.volume.tables();
    one.notices = view.notifier.pending();  // behind the tables, which they belong to
    one.session = view.session.handed();
    handed.push_back(std::move(one));
  }
  Packer pack;
  pack(numbers, handed);
  return std::move(pack).take();
}

std::vector<int> Parking::descriptors() const {
  std::vector<int> found;
  for (const ParkedView& view : views_) found.push_back(view.session.handed().descriptor);
  return found;
}

Result<std::vector<HandedView>> handed_views(std::string_view tables, RequestNumbers& numbers) {
  std::vector<HandedView> views;
  Unpacker unpack(tables);
  unpack(numbers, views);
  if (unpack.good()) return views;
  return Error{Code::corrupt, "the tables of the running daemon cannot be read"};
}

}  // namespace outboard::fusefs
