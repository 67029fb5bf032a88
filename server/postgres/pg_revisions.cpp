#include "server/postgres/pg_revisions.h"

#include <charconv>

#include "core/limits.h"
#include "core/path.h"
#include "server/postgres/node_rows.h"

namespace outboard::server {
namespace {

#define OUTBOARD_NANOS(column) \
  "coalesce((extract(epoch FROM " column ") * 1000000)::bigint * 1000, 0)"
#define OUTBOARD_REVISION_COLUMNS \
  "r.number, r.name, r.seq, r.state, r.kept, r.message, r.author, " OUTBOARD_NANOS(          \
      "r.submitted") ", r.reviewer, " OUTBOARD_NANOS("r.reviewed") ", r.remark, r.publisher, " \
  OUTBOARD_NANOS("r.published")

constexpr Sql kStanding{
    "revisions_standing",
    "SELECT o.name || '/' || v.name, v.mode = 1, v.second_reviewer, v.skill_lint = 2, v.head_seq, "
    "v.published_seq FROM volumes v JOIN organisations o ON o.id = v.organisation "
    "WHERE v.id = $1::bigint"};
// The volume's row gives the number, so two at once get two.
constexpr Sql kSubmit{
    "revisions_submit",
    "WITH v AS (UPDATE volumes SET last_revision = last_revision + 1 WHERE id = $1::bigint "
    "AND mode = 1 RETURNING id, last_revision, head_seq), "
    "r AS (INSERT INTO revisions (volume, number, name, seq, state, message, author) "
    "SELECT v.id, v.last_revision, $2::text, v.head_seq, 0, $3::text, $4::text FROM v "
    "RETURNING *) SELECT " OUTBOARD_REVISION_COLUMNS " FROM r"};
constexpr Sql kReview{
    "revisions_review",
    "UPDATE revisions r SET state = $3::bigint::smallint, reviewer = $4::text, "
    "reviewed = clock_timestamp(), remark = $5::text FROM volumes v "
    "WHERE v.id = r.volume AND r.volume = $1::bigint AND r.number = $2::bigint "
    "AND r.state IN (0, 1, 2) AND (r.author <> $4::text OR NOT v.second_reviewer) "
    "RETURNING " OUTBOARD_REVISION_COLUMNS};
// The pointer only rises. The doorbell rings at COMMIT, which ends this statement.
constexpr Sql kPublish{
    "revisions_publish",
    "WITH v AS (UPDATE volumes v SET published_seq = r.seq, published_revision = r.number "
    "FROM revisions r WHERE v.id = $1::bigint AND r.volume = v.id AND r.number = $2::bigint "
    "AND v.mode = 1 AND r.seq >= v.published_seq AND r.kept AND r.state <> 2 "
    "AND (NOT v.second_reviewer OR r.state = 1 OR r.number = v.published_revision) "
    "RETURNING v.id, v.published_seq), "
    "r AS (UPDATE revisions r SET state = 3, publisher = $3::text, published = clock_timestamp() "
    "FROM v WHERE r.volume = v.id AND r.number = $2::bigint RETURNING r.*), "
    "told AS (SELECT pg_notify('outboard', 'published ' || v.id || ':' || v.published_seq || ':1') "
    "FROM v) "
    "SELECT " OUTBOARD_REVISION_COLUMNS " FROM r, told"};
constexpr Sql kList{"revisions_list", "SELECT " OUTBOARD_REVISION_COLUMNS
                                      " FROM revisions r WHERE r.volume = $1::bigint "
                                      "AND ($2::bigint = 0 OR r.number < $2::bigint) "
                                      "ORDER BY r.number DESC LIMIT $3::bigint"};
constexpr Sql kFind{"revisions_find", "SELECT " OUTBOARD_REVISION_COLUMNS
                                      " FROM revisions r WHERE r.volume = $1::bigint "
                                      "AND r.number = $2::bigint"};
// Published ones beyond the newest $2, and others that what is published has left behind.
constexpr Sql kLetGo{
    "revisions_let_go",
    "UPDATE revisions r SET kept = false FROM volumes v WHERE v.id = r.volume "
    "AND r.volume = $1::bigint AND r.kept AND ((r.state <> 3 AND r.seq < v.published_seq) "
    "OR (r.state = 3 AND r.number <= (SELECT o.number FROM revisions o "
    "WHERE o.volume = r.volume AND o.state = 3 ORDER BY o.number DESC "
    "OFFSET $2::bigint LIMIT 1)))"};
// Skills whose SKILL.md, or whose folder, is named in the log behind $2.
constexpr Sql kSkills{
    "revisions_skills",
    "WITH c AS (SELECT DISTINCT inode FROM changes WHERE volume = $1::bigint "
    "AND seq > $2::bigint), "
    "d AS (SELECT d.inode, d.path FROM c JOIN dentries d ON d.volume = $1::bigint "
    "AND d.inode = c.inode AND d.name = 'SKILL.md' "
    "UNION SELECT d.inode, d.path FROM c JOIN dentries d ON d.volume = $1::bigint "
    "AND d.parent = c.inode AND d.name = 'SKILL.md') "
    "SELECT d.path, n.size, x.data FROM d JOIN inodes n ON n.volume = $1::bigint "
    "AND n.inode = d.inode LEFT JOIN " OUTBOARD_ONE_VERSION(
        "n.volume", "n.inode", "n.version") " x ON NOT x.chunked ORDER BY d.path"};
constexpr Sql kPin{"revisions_pin",
                   "WITH RECURSIVE family AS (SELECT id FROM tokens WHERE id = $2::bigint "
                   "AND ($4::bigint = 0 OR organisation = $4::bigint) AND revoked IS NULL "
                   "UNION SELECT t.id FROM tokens t JOIN family f ON t.parent = f.id), "
                   "p AS (INSERT INTO token_pins (token, volume, revision, seq) "
                   "SELECT f.id, r.volume, r.number, r.seq FROM family f, revisions r "
                   "WHERE r.volume = $1::bigint AND r.number = $3::bigint AND r.kept "
                   "ON CONFLICT (token, volume) DO UPDATE SET revision = excluded.revision, "
                   "seq = excluded.seq RETURNING token) SELECT token FROM p"};
constexpr Sql kNumberOf{"revisions_number_of",
                        "SELECT number FROM revisions WHERE volume = $1::bigint AND kept "
                        "AND state <> 2 AND (name = $2::text OR number = $3::bigint)"};
constexpr Sql kPointer{"revisions_pointer",
                       "SELECT mode, published_seq FROM volumes WHERE id = $1::bigint"};
constexpr Sql kSeqOf{"revisions_seq_of",
                     "SELECT seq FROM revisions WHERE volume = $1::bigint AND kept "
                     "AND (name = $2::text OR number = $3::bigint) "
                     "AND ($4::bigint = 0 OR (state = 3 AND seq <= $4::bigint)) LIMIT 1"};
constexpr Sql kVisible{
    "revisions_visible",
    "SELECT coalesce((SELECT max(x.version) FROM versions x WHERE x.volume = $1::bigint "
    "AND x.inode = t.inode AND x.seq <= $4::bigint AND (t.version = 0 OR x.version = t.version)), "
    "0) FROM unnest($2::bigint[], $3::bigint[]) WITH ORDINALITY AS t(inode, version, place) "
    "ORDER BY t.place"};

Revision read_revision(const Rows& rows, std::size_t row) {
  Revision revision;
  revision.number = rows.count(row, 0);
  revision.name = rows.text(row, 1);
  revision.seq = Seq{rows.count(row, 2)};
  revision.state = static_cast<RevisionState>(rows.number(row, 3));
  revision.kept = rows.flag(row, 4);
  revision.message = rows.text(row, 5);
  revision.author = rows.text(row, 6);
  revision.submitted = Timestamp{rows.number(row, 7)};
  revision.reviewer = rows.text(row, 8);
  revision.reviewed = Timestamp{rows.number(row, 9)};
  revision.remark = rows.text(row, 10);
  revision.publisher = rows.text(row, 11);
  revision.published = Timestamp{rows.number(row, 12)};
  return revision;
}

Error no_volume(VolumeId volume) {
  return Error{Code::not_found, "there is no volume " + to_string(volume), to_string(volume)};
}

std::string named(std::uint64_t number) {
  return "revision " + std::to_string(number);
}

Error no_revision(std::string_view revision) {
  const std::string shown(revision.substr(0, kSlugBytesMax));
  return Error{Code::not_found,
               "there is no revision \"" + shown +
                   "\" to be seen: `outboard skills revisions` lists those there are",
               shown};
}

// "12" → 12; a name → 0, which no revision has.
std::uint64_t number_in(std::string_view revision) {
  std::uint64_t number = 0;
  const auto end = revision.data() + revision.size();
  const auto read = std::from_chars(revision.data(), end, number);
  return read.ec == std::errc{} && read.ptr == end ? number : 0;
}

Status check_words(std::string_view what, std::string_view text) {
  if (text.size() <= kRevisionTextBytesMax && is_text(text)) return success();
  return Error{Code::invalid, "the " + std::string(what) + " has to be text of at most " +
                                  std::to_string(kRevisionTextBytesMax) + " bytes: shorten it"};
}

Status check_submission(const Submission& submission) {
  if (auto good = check_words("message", submission.message); !good) return good;
  if (submission.name.empty()) return success();
  if (auto good = check_slug("a revision", submission.name); !good) return good;
  const bool number = submission.name.find_first_not_of("0123456789") == std::string::npos;
  if (!number) return success();
  return Error{Code::invalid,
               "the name \"" + submission.name +
                   "\" is a number, and those count the revisions: add a letter",
               submission.name};
}

}  // namespace

Result<PgRevisions::Standing> PgRevisions::standing(const Call& call, VolumeId volume) {
  auto rows = pool_.run(kStanding, Params().int8(volume.value), call.deadline);
  if (!rows) return rows.error();
  if (rows->empty()) return no_volume(volume);
  return Standing{rows->text(0, 0), rows->flag(0, 1),       rows->flag(0, 2),
                  rows->flag(0, 3), Seq{rows->count(0, 4)}, Seq{rows->count(0, 5)}};
}

Result<PgRevisions::Standing> PgRevisions::reviewed(const Call& call, VolumeId volume) {
  auto found = standing(call, volume);
  if (!found || found->reviewed) return found;
  return Error{Code::unsupported,
               found->name +
                   " shows every change at once, it has no revisions: `outboard volume set " +
                   found->name + " --mode reviewed` makes it publish them",
               found->name};
}

Status PgRevisions::check_skills(const Call& call, VolumeId volume, Seq after) {
  auto rows = pool_.run(kSkills, Params().int8(volume.value).int8(after.value), call.deadline);
  if (!rows) return rows.error();
  for (std::size_t row = 0; row < rows->size(); ++row) {
    const std::string path = rows->name(row, 0);
    std::optional<std::string> fault;
    if (rows->number(row, 1) == 0) {
      fault = path + " is empty: write it, or remove its folder";
    } else if (rows->null(row, 2)) {
      fault = path + " is too long to be checked: move what is long into files beside it";
    } else {
      fault = rules_.skill_fault(path, rows->bytes(row, 2));
    }
    if (fault) return Error{Code::invalid, *std::move(fault), path};
  }
  return success();
}

Result<Revision> PgRevisions::submit(const Call& call, VolumeId volume,
                                     const Submission& submission) {
  if (auto good = check_submission(submission); !good) return good.error();
  auto found = reviewed(call, volume);
  if (!found) return found.error();
  if (found->head == found->published) {
    return Error{Code::invalid, "nothing has changed in " + found->name +
                                    " since what is published: there is nothing to submit"};
  }
  if (found->refuses_broken_skills) {
    if (auto good = check_skills(call, volume, found->published); !good) return good.error();
  }
  auto rows = pool_.run(kSubmit,
                        Params()
                            .int8(volume.value)
                            .bytes(submission.name)
                            .bytes(submission.message)
                            .bytes(call.caller.principal),
                        call.deadline);
  if (!rows && rows.error().code == Code::exists) {
    return Error{Code::exists,
                 "a revision of " + found->name + " is called \"" + submission.name +
                     "\" already: choose another name",
                 submission.name};
  }
  if (!rows) return rows.error();
  if (rows->empty()) return no_volume(volume);
  return read_revision(*rows, 0);
}

Result<Revision> PgRevisions::review(const Call& call, VolumeId volume, std::uint64_t number,
                                     bool approve, std::string_view remark) {
  if (auto good = check_words("remark", remark); !good) return good.error();
  auto found = reviewed(call, volume);
  if (!found) return found.error();
  const auto state = approve ? RevisionState::approved : RevisionState::rejected;
  auto rows = pool_.run(kReview,
                        Params()
                            .int8(volume.value)
                            .int8(number)
                            .int8(static_cast<std::int64_t>(state))
                            .bytes(call.caller.principal)
                            .bytes(remark),
                        call.deadline);
  if (!rows) return rows.error();
  if (!rows->empty()) return read_revision(*rows, 0);
  auto there = find(call, volume, number);
  if (!there) return there;
  if (there->state == RevisionState::published) {
    return Error{Code::conflict,
                 named(number) + " is published already: to take it back, roll back to another"};
  }
  return Error{Code::no_access, "you submitted " + named(number) + ", and " + found->name +
                                    " wants a second pair of eyes: ask somebody else to review it"};
}

Result<Revision> PgRevisions::publish(const Call& call, VolumeId volume, std::uint64_t number,
                                      const Submission& submission) {
  auto found = reviewed(call, volume);
  if (!found) return found.error();
  if (number == 0) {
    if (found->second_reviewer) {
      return Error{Code::conflict,
                   found->name +
                       " publishes only what somebody else has approved: submit it, have it "
                       "reviewed, then publish it by its number"};
    }
    auto submitted = submit(call, volume, submission);
    if (!submitted) return submitted;
    number = submitted->number;
  }
  auto rows =
      pool_.run(kPublish, Params().int8(volume.value).int8(number).bytes(call.caller.principal),
                call.deadline);
  if (!rows) return rows.error();
  if (!rows->empty()) {
    Revision published = read_revision(*rows, 0);
    moved_(volume, {VolumeMode::reviewed, published.seq});
    if (auto done = let_go(call, volume); !done) return done.error();
    return published;
  }
  auto there = find(call, volume, number);
  if (!there) return there;
  if (there->state == RevisionState::rejected) {
    return Error{Code::conflict, named(number) + " was rejected by " + there->reviewer +
                                     ": change what they ask for and submit again"};
  }
  if (there->seq < found->published) {
    return Error{Code::conflict, named(number) +
                                     " is older than what is published, and readers never go back: "
                                     "`outboard skills rollback` publishes its tree anew"};
  }
  return Error{Code::conflict, named(number) + " waits for a review, and " + found->name +
                                   " publishes only what somebody else has approved"};
}

Result<Revision> PgRevisions::pin(const Call& call, VolumeId volume, std::uint64_t token,
                                  std::string_view revision) {
  if (!is_text(revision)) return no_revision(revision);
  auto rows =
      pool_.run(kNumberOf, Params().int8(volume.value).bytes(revision).int8(number_in(revision)),
                call.deadline);
  if (!rows) return rows.error();
  if (rows->empty()) return no_revision(revision);
  const std::uint64_t number = rows->count(0, 0);
  auto pinned = pool_.run(
      kPin, Params().int8(volume.value).int8(token).int8(number).int8(call.caller.organisation),
      call.deadline);
  if (!pinned) return pinned.error();
  if (!pinned->empty()) return find(call, volume, number);
  return Error{Code::not_found,
               "there is no valid token " + std::to_string(token) +
                   ": `outboard token list` shows those there are",
               std::to_string(token)};
}

Result<std::vector<Revision>> PgRevisions::list(const Call& call, VolumeId volume,
                                                std::uint64_t before, std::uint32_t limit) {
  const std::uint32_t most = limit == 0 ? kPageEntriesMax : std::min(limit, kPageEntriesMax);
  auto rows = pool_.run(kList, Params().int8(volume.value).int8(before).int8(std::int64_t{most}),
                        call.deadline);
  if (!rows) return rows.error();
  std::vector<Revision> revisions;
  for (std::size_t row = 0; row < rows->size(); ++row)
    revisions.push_back(read_revision(*rows, row));
  return revisions;
}

Result<Revision> PgRevisions::find(const Call& call, VolumeId volume, std::uint64_t number) {
  auto rows = pool_.run(kFind, Params().int8(volume.value).int8(number), call.deadline);
  if (!rows) return rows.error();
  if (!rows->empty()) return read_revision(*rows, 0);
  return Error{
      Code::not_found,
      "there is no " + named(number) + ": `outboard skills revisions` lists those there are",
      std::to_string(number)};
}

Status PgRevisions::let_go(const Call& call, VolumeId volume) {
  auto rows = pool_.run(kLetGo, Params().int8(volume.value).int8(kRevisionsKept), call.deadline);
  return rows ? success() : Status(rows.error());
}

// ── Reading ──────────────────────────────────────────────────────────────────────────────────────

Result<Pointer> PgRevisions::pointer(VolumeId volume, Moment deadline) {
  auto rows = pool_.run(kPointer, Params().int8(volume.value), deadline);
  if (!rows) return rows.error();
  if (rows->empty()) return no_volume(volume);
  return Pointer{static_cast<VolumeMode>(rows->number(0, 0)), Seq{rows->count(0, 1)}};
}

Result<Seq> PgRevisions::seq_of(VolumeId volume, std::string_view revision, Moment deadline,
                                Seq most) {
  if (revision.empty() || !is_text(revision)) return no_revision(revision);
  auto rows = pool_.run(
      kSeqOf,
      Params().int8(volume.value).bytes(revision).int8(number_in(revision)).int8(most.value),
      deadline);
  if (!rows) return rows.error();
  if (rows->empty()) return no_revision(revision);
  return Seq{rows->count(0, 0)};
}

Result<std::vector<Version>> PgRevisions::visible(VolumeId volume,
                                                  const std::vector<ContentKey>& keys, Seq upto,
                                                  Moment deadline) {
  Column inodes(Column::Type::int8);
  Column versions(Column::Type::int8);
  for (const ContentKey& key : keys) {
    inodes.add(key.inode.value);
    versions.add(key.version.value);
  }
  auto rows = pool_.run(kVisible,
                        Params().int8(volume.value).array(inodes).array(versions).int8(upto.value),
                        deadline);
  if (!rows) return rows.error();
  std::vector<Version> visible;
  for (std::size_t row = 0; row < rows->size(); ++row) {
    visible.push_back(Version{rows->count(row, 0)});
  }
  return visible;
}

}  // namespace outboard::server
