// The limits that people meet or several rooms obey, each with its reason. A room's own stand in
// its limits.h, or beside the one place that obeys them.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace outboard {

using namespace std::chrono_literals;

// ── Names and trees ──────────────────────────────────────────────────────────────────────────────
// NAME_MAX of Linux; the kernel does not check it for FUSE, so we do.
inline constexpr std::size_t kNameBytesMax = 255;
// The longest path that a program in a view's root can open, PATH_MAX of Linux without its
// terminating zero, and the slash before it.
inline constexpr std::size_t kPathBytesMax = 4096;
// SYMLINK targets share PATH_MAX.
inline constexpr std::size_t kSymlinkBytesMax = 4095;
// LINK_MAX of ext4: programs that count links know this number.
inline constexpr std::uint32_t kLinksMax = 65'000;
// XATTR_NAME_MAX and XATTR_SIZE_MAX of Linux, and the total that fits beside a node in one row.
inline constexpr std::size_t kXattrNameBytesMax = 255;
inline constexpr std::size_t kXattrValueBytesMax = 65'536;
inline constexpr std::size_t kXattrTotalBytesMax = 262'144;
// "acme", "ada", "skills": they stand in paths, URLs and SQL roles.
inline constexpr std::size_t kSlugBytesMax = 63;

// ── Content ──────────────────────────────────────────────────────────────────────────────────────
// Larger content is stored in chunks of this size. Measured: a 64 KiB slice reads in 92 µs; a
// smaller chunk pays per row, a larger one makes a small write to a large file expensive.
inline constexpr std::size_t kChunkBytes = 65'536;
// Up to one chunk, content lives in its version's own row: one row read, one row written.
inline constexpr std::size_t kInlineBytesMax = kChunkBytes;
// Pieces an append may leave in one chunk before they are joined: a read touches at most these.
inline constexpr std::uint32_t kChunkPiecesMax = 16;
// One file. Skills and memories are text and small assets; 4 GiB leaves room for a model file, and
// for programs that try what lies beyond 2 GiB.
inline constexpr std::uint64_t kFileBytesMax = 4ULL << 30U;
// One batch in memory on its way: a server of 24 GiB holds a hundred at their worst.
inline constexpr std::uint64_t kBatchBytesMax = 256ULL << 20U;
// Text that is merged line by line, each of the three versions. A volume's writers wait meanwhile:
// 20 to 60 ms at both limits, on a busy machine; four times the text would be a quarter second.
// [S35]
inline constexpr std::uint64_t kMergeBytesMax = 256U << 10U;
// Lines that differ between two versions before a merge is given up: the work grows with its
// square.
inline constexpr std::size_t kMergeEditsMax = 1'024;
// Steps in one batch: a transaction of about a second on measured figures (30,000 rows/s).
inline constexpr std::size_t kBatchStepsMax = 4'096;

// ── Rules for content ────────────────────────────────────────────────────────────────────────────
// A SKILL.md whose header can be checked: what is read with it goes into files beside it.
inline constexpr std::size_t kSkillDocumentBytesMax = kInlineBytesMax;
// Bytes around a change that are looked at for secrets: longer than any token that is recognised,
// so that one written in two halves is seen with the second.
inline constexpr std::size_t kSecretContextBytes = 512;
// Patterns of names without history: each is compared with each name on a written file's path.
inline constexpr std::size_t kIgnoredPatternsMax = 64;
// Warnings of one step: the first ones say enough.
inline constexpr std::size_t kStepWarningsMax = 8;

// ── The wire ─────────────────────────────────────────────────────────────────────────────────────
// gRPC's default for one message; larger bodies stream in parts.
inline constexpr std::size_t kMessageBytesMax = 4U << 20U;
// A streamed part: well under the message limit, with room for its envelope.
inline constexpr std::size_t kPartBytes = 1U << 20U;
// One read answer; longer reads are several requests at the same version.
inline constexpr std::size_t kReadBytesMax = 2U << 20U;
// Names in one page of a listing, and nodes in one part of a snapshot (~150 bytes each).
inline constexpr std::uint32_t kPageEntriesMax = 4'096;
// Bodies asked for in one read_many.
inline constexpr std::size_t kReadManyMax = 1'024;
// Small bodies that travel with a snapshot, each and in all: 8,000 skills of 4 KiB.
inline constexpr std::size_t kSnapshotBodyBytesMax = 16'384;
inline constexpr std::uint64_t kSnapshotBodiesBytesMax = 64ULL << 20U;
// Entries that a server keeps of volumes loaded before, ~300 bytes each, of one volume a quarter.
inline constexpr std::size_t kSnapshotCacheBytesMax = 64U << 20U;
// Reads of a tree by others that a caller waits for and sees fail, before it gives up.
inline constexpr int kSharedReadTries = 3;
// What a connection keeps ready to read into while nothing comes. gRPC doubles it for as long as a
// read fills it, so that who sends much loses a few reads.
inline constexpr int kIdleReadBytes = 256;
// Load balancers cut idle streams after 60 s or more; a ping at 20 s keeps them open.
inline constexpr std::chrono::milliseconds kKeepaliveInterval = 20s;
inline constexpr std::chrono::milliseconds kKeepaliveTimeout = 10s;
// The largest answer: 4,096 symlinks just made, each with its name and target at their limits.
inline constexpr std::size_t kAnswerBytesMax = 32U << 20U;
// Content on its way to one reader of a stream before its producer waits for the reader.
inline constexpr std::size_t kStreamBufferBytesMax = 8U << 20U;
// Silence proves nothing; a mark this often proves that a quiet volume is current.
inline constexpr std::chrono::milliseconds kProgressInterval = 5s;

// ── Search ───────────────────────────────────────────────────────────────────────────────────────
// A regular expression or a glob; longer ones are lists of words, which are searches of their own.
inline constexpr std::size_t kPatternBytesMax = 4'096;
// What RE2 may take for one pattern's automata: its own default, enough for all but \pL{1000}.
inline constexpr std::int64_t kPatternMemoryMax = 8 << 20;
// Larger files are data: they are passed over, and the summary says how many.
inline constexpr std::uint64_t kSearchFileBytesMax = 16ULL << 20U;
// Content that one search reads, half a second's work; then it says where to go on.
inline constexpr std::uint64_t kSearchBytesMax = 256ULL << 20U;
// Matches that one search hands out, and of one file: a person reads a screen, a model a page.
inline constexpr std::uint32_t kSearchMatchesMax = 10'000;
inline constexpr std::uint32_t kSearchMatchesPerFileMax = 1'000;
// Of one line: minified files have lines of megabytes. And the places marked in it.
inline constexpr std::size_t kSearchLineBytesMax = 1'024;
inline constexpr std::size_t kSearchSpansMax = 64;
inline constexpr std::uint32_t kSearchContextMax = 50;
// Paths that one search goes below: the prefixes of a token's grants.
inline constexpr std::size_t kSearchRootsMax = 1'024;
// Kept of a search's deadline for its answer's way, at the most.
inline constexpr std::chrono::milliseconds kSearchReserve = 250ms;
// Grams of one file in the index; a file with more is a candidate of every search.
inline constexpr std::size_t kSearchGramsMax = 32'768;
// Alternatives of one pattern that the index is asked for, and grams of each: further ones hardly
// narrow.
inline constexpr std::size_t kSearchAlternativesMax = 64;
inline constexpr std::size_t kSearchGramsAsked = 24;
// Searches that one server runs at once, each with a connection of its own; the next waits.
inline constexpr std::size_t kSearchesAtOnce = 8;
// Files in one transaction of the indexer: a fifth of a second, so that others get in between.
inline constexpr std::size_t kIndexStepFiles = 256;
// Files changed since the index was true that a search reads beside it; with more it reads all.
inline constexpr std::uint64_t kSearchLagMax = 16'384;

// ── Import and export ────────────────────────────────────────────────────────────────────────────
// Members of one archive, and files of one tree: the largest volume that this is built for.
inline constexpr std::size_t kTarEntriesMax = 1'000'000;
// A larger file goes in pieces of this size beside its name, then is renamed: never held whole.
inline constexpr std::uint64_t kPushPieceBytes = 16ULL << 20U;

// ── Requests ─────────────────────────────────────────────────────────────────────────────────────
// A person or a program waits this long at the most for a read or a write through the mount.
inline constexpr std::chrono::milliseconds kReadDeadline = 10s;
inline constexpr std::chrono::milliseconds kWriteDeadline = 30s;
inline constexpr std::chrono::milliseconds kBarrierDeadline = 10s;
// Request numbers a server remembers for each client, when it has not acknowledged them.
inline constexpr std::uint64_t kRequestWindow = 1'024;
// How far a client's word on when bytes were written may lie before and behind the store's clock to
// be what their file shows: bytes wait for a store that is away, and clocks that are kept differ by
// less than seconds.
inline constexpr std::chrono::nanoseconds kWrittenBehindMax = 1h;
inline constexpr std::chrono::nanoseconds kWrittenAheadMax = 10s;
// Reconnects of a client: from the first to the last of the doubling waits between them.
inline constexpr std::chrono::milliseconds kReconnectWaitMin = 50ms;
inline constexpr std::chrono::milliseconds kReconnectWaitMax = 2s;

// ── The server ───────────────────────────────────────────────────────────────────────────────────
// Callers whose writes one transaction takes. Measured: 128 a batch gives 36,000/s, more gain none.
inline constexpr std::size_t kGroupBatchesMax = 128;
// Bytes one transaction takes, so that one large write does not delay a hundred small ones.
inline constexpr std::uint64_t kGroupBytesMax = 8ULL << 20U;
// Writes that wait for a commit, per volume; the next is refused with `unavailable`.
inline constexpr std::size_t kCommitQueueMax = 4'096;
// An admin's open transaction may hold a row: the committer waits this long, then takes the rest.
inline constexpr std::chrono::milliseconds kRowLockWait = 50ms;
// The same for a blocked write tried alone, and for one on the slow side: all others wait for it.
inline constexpr std::chrono::milliseconds kRowLockWaitAlone = 5ms;
inline constexpr std::chrono::milliseconds kRowLockWaitSlow = 2ms;
// One commit in so many is a try for what is blocked, however many others wait: 2 ms in 8 commits.
inline constexpr std::uint64_t kSlowTurnEvery = 8;
// Between two tries of a blocked write, from the first to the last of the doubling pauses.
inline constexpr std::chrono::milliseconds kSlowPauseMin = 20ms;
inline constexpr std::chrono::milliseconds kSlowPauseMax = 320ms;
// Volumes that one server commits to at once: each takes a thread and a connection, and waits for
// the disk most of its time; what waits at once, Postgres writes together.
inline constexpr std::size_t kCommitterThreads = 16;
// Postgres itself ends a read after this long: nobody waits for its answer any more.
inline constexpr std::chrono::milliseconds kReadStatementMax = 60s;
// Bringing the schema of a large database up to date may rewrite tables.
inline constexpr std::chrono::milliseconds kMigrationDeadline = 3'600s;
// An admin's transaction left open is ended after this long, by 0002_sql_clients.sql.
inline constexpr std::chrono::milliseconds kIdleTransactionMax = 60s;
// Changes a feed keeps in memory for watchers that come back, per volume.
inline constexpr std::size_t kFeedRingChanges = 16'384;
// Changes queued for one watcher; a slower one is cut and resumes at its seq.
inline constexpr std::size_t kWatcherQueueChanges = 16'384;
// Changes of one publish that a mount applies as one: half of what its queue holds; for more it
// loads the tree anew, which switches at once too.
inline constexpr std::size_t kPublishChangesMax = kWatcherQueueChanges / 2;
// Published revisions whose trees are kept, the newest ones: what a way back needs.
inline constexpr std::uint64_t kRevisionsKept = 20;
// A revision's name, and what its author and its reviewer say of it.
inline constexpr std::size_t kRevisionTextBytesMax = 4'096;
// How long a verified token is trusted before the database is asked again: revocation within 1 s.
inline constexpr std::chrono::milliseconds kTokenCacheFor = 1s;
// Verified tokens remembered: one for each sandbox of a large deployment, 200 bytes each.
inline constexpr std::size_t kTokenCacheMax = 20'000;

// Calls that wait for a worker; the next is refused with `unavailable` and the time to wait.
inline constexpr std::size_t kRpcQueueMax = 4'096;
inline constexpr std::chrono::milliseconds kRpcRetryAfter = 50ms;
// A caller may set a deadline; none lasts longer, so that a worker cannot be held for ever.
inline constexpr std::chrono::milliseconds kCallDeadlineMax = 60s;
// The same for a stream of content: 90 GB at 300 MB/s.
inline constexpr std::chrono::milliseconds kStreamDeadlineMax = 5min;
// Threads that turn queued changes into messages for watchers; they never block.
inline constexpr std::size_t kWatchWriters = 2;
// Subscriptions of one watch stream: a sandbox has a handful of views.
inline constexpr std::size_t kWatchSubscriptionsMax = 1'024;
// Changes in one message to a watcher: 9 KiB each at their worst, so always within a message.
inline constexpr std::size_t kWatchMessageChanges = 256;
// Content of batches that arrive in parts, in all: what a server may hold for those who send.
inline constexpr std::uint64_t kArrivingBytesMax = 4ULL << 30U;
// Volumes whose organisation the access check remembers, 40 bytes each; then it starts anew.
inline constexpr std::size_t kAccessVolumesMax = 1'000'000;

// ── The past ─────────────────────────────────────────────────────────────────────────────────────
// Retention takes nothing younger: who opened a file reads its version within the lease of a
// frozen mount, and who restores what was just lost finds it.
inline constexpr std::chrono::seconds kRetentionAgeMin = 1h;
// Between two looks at what retention may take; each is one indexed statement a volume.
inline constexpr std::chrono::milliseconds kCollectInterval = 10min;
// Rows that one transaction of the collection deletes: about 20 ms, and no lock that writers want.
inline constexpr std::size_t kCollectRowsMax = 2'000;
// Names that one statement of a snapshot of the past reads, in all its directories: 8 MB of rows.
inline constexpr std::size_t kPastNamesMax = 32'768;
// Directories that it reads at once.
inline constexpr std::size_t kPastDirectoriesMax = 64;

// ── Comparing ────────────────────────────────────────────────────────────────────────────────────
// Lines in which two texts may differ to be compared line by line: 32 MB of memory at the most.
inline constexpr std::size_t kDiffEditsMax = 2'000;
// A file that is compared at all; of larger ones only that they differ is said.
inline constexpr std::uint64_t kDiffFileBytesMax = 4U << 20U;

// ── Looking after a server ───────────────────────────────────────────────────────────────────────
// A load balancer learns within two of these that a server cannot answer, and that it can again.
inline constexpr std::chrono::milliseconds kReadinessInterval = 1s;
inline constexpr std::chrono::milliseconds kReadinessDeadline = 2s;
// Of the embedded data: one checkpoint cycle's log (max_wal_size) and as much again for the data.
inline constexpr std::uint64_t kDiskFreeLow = 4ULL << 30U;
// Below it Postgres may stop at any moment: a few segments of its log.
inline constexpr std::uint64_t kDiskFreeMin = 256ULL << 20U;
// A fortnight to renew what everybody's connections need.
inline constexpr std::chrono::seconds kCertificateLifeLow = 24h * 14;
// Logs of machines whose clocks differ by more cannot be read side by side. Nothing else depends on
// it: tokens, leases and seqs go by the database.
inline constexpr std::chrono::milliseconds kClockSkewMax = 2s;
// Threads that answer those who scrape figures; a scrape takes a millisecond.
inline constexpr std::size_t kMetricsThreads = 2;

// Connections for locks, each for two round trips at a time, and for asking about strict volumes.
inline constexpr std::size_t kLockConnections = 8;
inline constexpr std::size_t kStrictConnections = 4;
// One host of several in a database's address has this long to answer: then the next is tried.
inline constexpr std::chrono::seconds kHostWait = 3s;

// ── Locks and leases ─────────────────────────────────────────────────────────────────────────────
// A client's locks outlive its watch stream by this: long enough to reconnect to another server.
inline constexpr std::chrono::milliseconds kLockGrace = 10s;
// How often a server says that its clients live: four tries within a grace.
inline constexpr std::chrono::milliseconds kLockRenewInterval = 2s;
// A mount that has not heard its server for this long takes its locks for lost: the last renewal
// may be an interval older than what was heard last. Longer than kProgressInterval, which is heard.
inline constexpr std::chrono::milliseconds kLeaseSilence = kLockGrace - kLockRenewInterval;
// A waiting lock's place in the queue, when its server does not speak for it any more.
inline constexpr std::chrono::milliseconds kLockPlaceFor = 6s;
// What no bell tells of: leases that ran out, bells that were lost.
inline constexpr std::chrono::milliseconds kLockLookInterval = 1s;
// Ranges locked in one file by one owner; each costs a row. SQLite uses 3, Berkeley DB hundreds.
inline constexpr std::size_t kLockRangesMax = 1'024;
// Locks that wait in one server; the next is refused with `unavailable`.
inline constexpr std::size_t kLocksWaitingMax = 16'384;
// How far a circle of waiting owners is followed; the kernel follows 10.
inline constexpr std::size_t kLockCircleMax = 16;
// A publish on a strict volume waits this long for a mount that does not answer, and a mount that
// has not heard from its server for this long shows nothing that it has not asked about. [S7]
inline constexpr std::chrono::milliseconds kStrictLease = 2s;
// Publishes on strict volumes at once in a server: half of the threads that answer its calls.
inline constexpr std::size_t kStrictTurnsMax = 32;
// Readers of one that wait for other mounts to drop what is older: a quarter of those threads.
inline constexpr std::size_t kStrictReadersMax = 16;
// A mount believes in its lease for so much less: clocks drift, and a stream may have ended that
// it still takes for open.
inline constexpr std::chrono::milliseconds kStrictMargin = 200ms;
// A mount whose kernel remembers names of a strict volume, being older than its strictness, waits
// so long for a change to reach the kernel before it hears of the next one; then it looks again.
inline constexpr std::chrono::milliseconds kAcknowledgeWait = 10ms;
inline constexpr std::chrono::milliseconds kAcknowledgeAgain = 10ms;
// How often a mount daemon looks whether it slept, and the gap that it takes for a sleep: longer
// than a busy machine makes programs wait.
inline constexpr std::chrono::milliseconds kSleepTick = 500ms;
inline constexpr std::chrono::milliseconds kSleptAfter = 2s;
// A program waits so long for a daemon that slept to ask the server what it missed; then it is
// shown what the daemon has, which says that it may be old.
inline constexpr std::chrono::milliseconds kWakeWait = 2s;
// Nodes that the kernel is told to forget in one go when a volume becomes strict.
inline constexpr std::size_t kForgetAtOnce = 8'192;
// How long a server that was not heard of is asked about its mounts, and how often it is heard of.
inline constexpr std::chrono::milliseconds kStrictServerFor = 10s;
inline constexpr std::chrono::milliseconds kStrictServerEvery = 2s;
// ── Who sees what ────────────────────────────────────────────────────────────────────────────────
// Names of one node that are looked at to find whether a caller sees it: a hard link has two.
inline constexpr std::size_t kPathsOfNodeMax = 1'024;
// Names noted with a change of a node that has several; of more, followers of a part start anew.
inline constexpr std::size_t kChangeNamesMax = 16;
// Newest changes of a node that a mount looks through for who made the bytes that it shows: changed
// attributes lie between, and newer content when an old descriptor asks. ~300 bytes each.
inline constexpr std::uint32_t kProvenanceChangesMax = 256;
// Changes of a volume that one request for history may look through for those its caller sees: a
// quarter of a second.
inline constexpr std::size_t kHistoryScanMax = 65'536;
// Names that left a directory, looked through for those that were removed: 20 ms. Programs that
// save by renaming move one name for each save.
inline constexpr std::size_t kRemovalsLookedAt = 8'192;
// Removals of names that a mount shows of one directory, newest first.
inline constexpr std::uint32_t kRemovedNamesMax = 1'000;
// Grants of one token: each is looked at in every request.
inline constexpr std::size_t kTokenGrantsMax = 1'024;

// ── Tokens ───────────────────────────────────────────────────────────────────────────────────────
inline constexpr std::size_t kTokenBytes = 32;  // 256 bits
inline constexpr std::chrono::seconds kTokenLifeDefault = 12h;
inline constexpr std::chrono::seconds kTokenLifeMax = 24h * 90;

// ── The audit ────────────────────────────────────────────────────────────────────────────────────
// Seals checked in one call, each of a commit's changes: about a second.
inline constexpr std::size_t kSealsPerCheck = 2'000;
// Refusals and reads are written this often: a refused program's loop is one row, not thousands.
inline constexpr std::chrono::milliseconds kTrailPause = 1s;
// Different ones that wait for that: 10,000 mounts, and 5 MB.
inline constexpr std::size_t kTrailEntriesMax = 10'000;
// A question about reads reaches back so far.
inline constexpr std::uint32_t kReadDaysMax = 3'650;
// Between the question what would go with an organisation and the word that it shall: time to read.
inline constexpr std::chrono::seconds kRemovalCodeLife = 10min;

// ── The mount ────────────────────────────────────────────────────────────────────────────────────
// Unsaved bytes of one handle; more are published early as a version of their own. [D3]
inline constexpr std::uint64_t kHandleDirtyBytesMax = 64ULL << 20U;
// Appends appear elsewhere after this long, even while the file stays open.
inline constexpr std::chrono::milliseconds kAppendAge = 1s;
// File content the daemon keeps in memory for its views.
inline constexpr std::uint64_t kBlockCacheBytesMax = 256ULL << 20U;
// Of the contents that a daemon keeps on its machine's disk where it is told to: a million small
// files.
inline constexpr std::uint64_t kDiskCacheBytesDefault = 4ULL << 30U;
// Less would be some dozens of large files, each of which throws another out.
inline constexpr std::uint64_t kDiskCacheBytesMin = 256ULL << 20U;
// What waits to be written there: as much as comes with a volume's names. More is not kept.
inline constexpr std::uint64_t kDiskCacheQueueBytesMax = 80ULL << 20U;
// A disk that is full or fails is left alone for so long.
inline constexpr std::chrono::milliseconds kDiskCachePause = 60s;
// How exactly it is known what was used least recently: each use would cost a write else.
inline constexpr std::chrono::milliseconds kDiskCacheUseNoted = 10min;
// A file that is being written there takes moments; an older one was left behind by a killed
// daemon.
inline constexpr std::chrono::milliseconds kDiskCacheWriteFor = 10min;
// Large files of which it is known that the server still has their bytes, 16 bytes each.
inline constexpr std::size_t kProvenVersionsMax = 65'536;
// Who reads a directory's files one after the other is brought so many at once, twice as many each
// time, and so many bytes.
inline constexpr std::size_t kSiblingFilesFirst = 16;
inline constexpr std::size_t kSiblingFilesMax = 256;
inline constexpr std::uint64_t kSiblingBytesMax = 4ULL << 20U;
// Names of a directory that are looked through for those that come next in alphabetical order, a
// tenth of a millisecond; of a larger one only who reads in the order of its listing is brought
// more.
inline constexpr std::size_t kSiblingNamesMax = 4'096;
// Directories of a view that are read at the same time.
inline constexpr std::size_t kSiblingRunsMax = 16;
// Batches of them at once: two programs read, or one with several threads.
inline constexpr std::size_t kSiblingThreads = 2;
// A file from here on is large, and so much of all large ones is held in memory: windows for some
// dozens of readers at once. The kernel has what was read of them.
inline constexpr std::uint64_t kLargeFileBytes = 32ULL << 20U;
inline constexpr std::uint64_t kLargeFilesHeldBytesMax = 32ULL << 20U;
// Views of one daemon: each is some of its threads and a row of its mounter's.
inline constexpr std::size_t kViewsMax = 64;
// Nodes whose names a view holds: a volume with more is loaded directory by directory. 620 bytes
// each make 30 MiB; all of a million take a start 8 s (docs/promises.md).
inline constexpr std::uint64_t kTreeNodesMax = 50'000;
// What a prewarming brings in where nobody said how much, and the largest file that it takes: big
// ones are read in parts anyway.
inline constexpr std::uint64_t kPrewarmBytesDefault = 64ULL << 20U;
inline constexpr std::uint64_t kPrewarmFileBytesMax = 1ULL << 20U;
inline constexpr std::chrono::milliseconds kPrewarmDeadline = 60s;
// Changes made elsewhere that wait to be told to those who watch a view: 0.1 ms each. Beyond, they
// are counted and not told, as inotify itself does when its queue is full.
inline constexpr std::size_t kTellingsMax = 16'384;
// What changed in a view and waits for the kernel, some 300 bytes each; then it takes no more news
// in.
inline constexpr std::size_t kNotifyQueueMax = 65'536;
// A program that is killed while it waits for the store is let go within this.
inline constexpr std::chrono::milliseconds kWatchInterval = 200ms;
// Who waits for the store in an exit hears of no error: it need not wait for long. And a signal
// that a program handles ends a wait no sooner: on a local disk it would never.
inline constexpr std::chrono::milliseconds kSignalPatience = 1s;
// A request that is unanswered so long after the last deadline that it may have had is stuck.
inline constexpr std::chrono::milliseconds kStuckAfter = 60s;
// Locks that programs of one mount wait for; each is a call under way. The next hears ENOLCK.
inline constexpr std::size_t kMountLocksWaitingMax = 4'096;
// Threads that go on with a waiting lock once it is granted.
inline constexpr std::size_t kLockThreads = 4;
// A daemon stands still for its successor for so long at most: programs wait meanwhile, and their
// first complaint everywhere is a hang.
inline constexpr std::chrono::milliseconds kHandoverPause = 5s;
// What comes before costs nobody anything: the successor loads, and shakes hands with the server.
inline constexpr std::chrono::milliseconds kHandoverTalk = 10s;
// Who has connected to a control socket says at once what it is.
inline constexpr std::chrono::milliseconds kControlGreetingWait = 1s;
// Descriptors that one message between two daemons may carry; the kernel stops at 253.
inline constexpr std::size_t kHandoverDescriptorsMax = 250;
// What is handed over grows with what the views hold; nothing else that is said meanwhile does.
inline constexpr std::uint64_t kHandoverTablesBytesMax = 1ULL << 34U;
inline constexpr std::uint64_t kHandoverWordsBytesMax = 1U << 16U;
// Walks of one mounter below places that may be mounted on; each is a process, and a daemon that
// was taken over must not fill the machine with them.
inline constexpr std::size_t kMounterWalkersMax = 16;
// A mount or an unmount takes milliseconds; one that hangs must not hold the daemon's end, and a
// kernel that lets nobody unmount is not waited for any longer than a machine's own end would.
inline constexpr std::chrono::milliseconds kMountWait = 10s;
inline constexpr std::chrono::milliseconds kMounterEndWait = 5s;
// What a kernel does is found out by requests of microseconds; a machine that needs longer tells
// nothing about its kernel. Who asks for the verdict waits a little longer than it is looked for.
inline constexpr std::chrono::seconds kKernelProbeMax = 10s;
inline constexpr std::chrono::milliseconds kKernelProbeWait = 12s;
// Threads of the control socket: a few callers of one sandbox, each of which may wait in a barrier.
inline constexpr int kControlCallsMax = 16;

// ── The sandbox ──────────────────────────────────────────────────────────────────────────────────
// Kept of a command's output, half from its head and half from its tail: what a model reads of it
// is 30,000 characters, a person who looks for the reason reads more.
inline constexpr std::uint64_t kOutputBytesDefault = 1U << 20U;
inline constexpr std::uint64_t kOutputBytesMax = 64U << 20U;
// One part of a command's output on its way to a harness.
inline constexpr std::size_t kOutputPartBytes = 65'536;
// Commands that run at once in one sandbox; the next is refused with `unavailable`.
inline constexpr std::size_t kCommandsRunningMax = 256;
// Ended commands whose output is kept; of older ones only how they ended.
inline constexpr std::size_t kCommandsKeptMax = 1'000;
// A command's arguments and environment together: what execve takes by default.
inline constexpr std::size_t kCommandBytesMax = 2U << 20U;
// A file as the read, write and edit tools take it; larger ones are for programs.
inline constexpr std::uint64_t kToolFileBytesMax = 64ULL << 20U;
// The exec agent's threads for calls that wait for a disk or a mount, and calls that wait for one.
inline constexpr std::size_t kExecWorkers = 8;
inline constexpr std::size_t kExecQueueMax = 256;
// The inner layer answers a request at once, if it is alive.
inline constexpr std::chrono::milliseconds kInnerAnswerWait = 5s;
// Freezing waits for processes that are in the kernel; longer, and it is deferred.
inline constexpr std::chrono::milliseconds kFreezeWait = 1s;
// Processes and threads of one sandbox's commands: a build on many cores, not a fork bomb.
inline constexpr std::uint64_t kSandboxProcessesMax = 4'096;
// Of a sandbox's /tmp, which is memory.
inline constexpr std::uint64_t kSandboxTmpBytesMax = 1ULL << 30U;
// A sandbox is up in 100 ms; a machine with a thousand starting at once takes longer.
inline constexpr std::chrono::milliseconds kSandboxStartWait = 30s;

}  // namespace outboard
