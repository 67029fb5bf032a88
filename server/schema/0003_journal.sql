-- The journal: sessions as rows, so that any harness can carry on what another began. Times are the database's own.
--
-- A row of outboard.sessions without a state is only a fence: a token was minted for a session that no journal keeps.
-- Whatever an append, a post or a release must agree on stands in the session's own row, under its lock: the epoch, the
-- head, the number of inbox items that wait.
alter table outboard.sessions
  add column creator text collate "C" not null default '',
  add column parent uuid,
  add column agent_revision text not null default '',
  add column state smallint,                        -- 1 runnable, 2 running, 3 waiting, 4 finished, 5 failed
  add column head_seq bigint not null default 0,
  add column turn bigint not null default 0,        -- of its last event
  add column worker bigint,                         -- of outboard.workers; null: nobody's
  add column lease_until timestamptz,               -- while running; the worker's own heartbeat may last longer
  add column wake_at timestamptz,                   -- while waiting; null: not by time
  add column queued_at timestamptz,                 -- runnable since
  add column inbox_waiting integer not null default 0,
  add column crash_count integer not null default 0,  -- of workers, on this turn
  add column diagnosis text not null default '',
  add column budget_tokens bigint not null default 0,  -- 0: no limit, here and below
  add column budget_cost bigint not null default 0,    -- microdollars
  add column budget_wall bigint not null default 0,    -- milliseconds
  add column budget_sandbox bigint not null default 0,
  add column spent_tokens bigint not null default 0,
  add column spent_cost bigint not null default 0,
  add column spent_wall bigint not null default 0,
  add column spent_sandbox bigint not null default 0,
  add column created timestamptz not null default clock_timestamp();
alter table outboard.sessions set (fillfactor = 50);
create index sessions_runnable on outboard.sessions (organisation, queued_at) where state = 1;
create index sessions_running on outboard.sessions (worker) where state = 2;
create index sessions_waking on outboard.sessions (wake_at) where state = 3 and wake_at is not null;
create index sessions_by_age on outboard.sessions (organisation, created, id) where state is not null;

-- One row for each process that carries sessions on; organisation 0: the site's own.
create table outboard.workers (
  id bigint generated always as identity primary key,
  organisation bigint not null,
  name text collate "C" not null,
  stream uuid,                                      -- its newest heartbeat stream; null: none
  alive_until timestamptz,                          -- kept ahead by the server that has the stream
  seen timestamptz not null default clock_timestamp(),
  unique (organisation, name)
) with (fillfactor = 50);

create table outboard.events (
  session uuid not null,
  seq bigint not null,
  kind text not null,
  payload_version integer not null,
  payload bytea not null,
  actor text not null,
  turn bigint not null,
  inbox uuid,                                       -- the item that it takes up
  at timestamptz not null default clock_timestamp(),
  primary key (session, seq)
);
-- An item is taken up once, whatever two appends may have seen of each other.
create unique index events_of_inbox on outboard.events (session, inbox) where inbox is not null;

create table outboard.inbox (
  session uuid not null,
  client_id uuid not null,
  number bigint generated always as identity,       -- their order: allotted under the session's lock
  author text collate "C" not null,
  at timestamptz not null default clock_timestamp(),
  kind smallint not null,                           -- 0 message, 1 interrupt, 2 approval
  message text not null default '',
  op uuid,                                          -- of an approval, as is the next
  allow boolean not null default false,
  taken_seq bigint,                                 -- the event that took it up; null: it waits
  primary key (session, client_id)
);
create index inbox_waiting on outboard.inbox (session, number) where taken_seq is null;

create table outboard.tool_calls (
  session uuid not null,
  op uuid not null,
  turn bigint not null,
  index integer not null,
  tool text not null,
  effect smallint not null,                         -- 1 read, 2 write, 3 command
  state smallint not null,                          -- 1 intended, 2 awaiting approval, 3 approved, 4 dispatched, 5 finished, 6 denied, 7 lost
  epoch bigint not null,
  generation bigint not null,
  output_offset bigint not null,
  output_digest bytea,
  primary key (session, op)
) with (fillfactor = 75);
create index tool_calls_open on outboard.tool_calls (session, turn, index) where state < 5;

-- ── Blobs ────────────────────────────────────────────────────────────────────────────────────────
-- Without a digest: still arriving, or left behind by a sender that went away.
create table outboard.blobs (
  id bigint generated always as identity primary key,
  organisation bigint not null references outboard.organisations,
  digest bytea,
  size bigint not null default 0,
  media_type text not null default '',
  created timestamptz not null default clock_timestamp()
);
create unique index blobs_by_digest on outboard.blobs (organisation, digest) where digest is not null;
create index blobs_arriving on outboard.blobs (created) where digest is null;

create table outboard.blob_chunks (
  blob bigint not null references outboard.blobs on delete cascade,
  chunk integer not null,                           -- holds the bytes from chunk * 262144 on
  data bytea not null,
  primary key (blob, chunk)
);
alter table outboard.blob_chunks alter data set storage external;

-- Who may see a blob: whoever may see one of its sessions.
create table outboard.blob_sessions (
  blob bigint not null references outboard.blobs on delete cascade,
  session uuid not null,
  primary key (blob, session)
);
