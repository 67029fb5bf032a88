-- What searches go by (D25): for each file that is text, the runs of three bytes in it. Nothing here is written by a
-- commit: the server brings it up to date from the log, and a search reads what changed since by itself.

-- How far the index of a volume is. No row: nobody has searched it yet.
create table outboard.search_volumes (
  volume bigint primary key,
  indexed_seq bigint not null,                      -- the index is true as of here
  built_inode bigint                                -- being built: nodes up to here are done; null: it is built
);

-- Of a current content. Each number is a hash of the volume and three bytes, so that one index serves all volumes and
-- none is looked through for another's sake.
create table outboard.search_files (
  volume bigint not null,
  inode bigint not null,
  grams integer[] not null,
  primary key (volume, inode)
);
alter table outboard.search_files alter grams set storage external;   -- hashes do not compress
alter table outboard.search_files alter grams set statistics 0;       -- nor do their frequencies say anything
create index search_files_by_gram on outboard.search_files using gin (grams);

-- A content that is purged leaves no trace, at once.
create function outboard.forget_searched() returns trigger language plpgsql set search_path = outboard, pg_temp as $$
begin
  delete from search_files where volume = new.volume and inode = new.inode;
  return null;
end $$;
create trigger forget_searched after update of redacted on outboard.versions for each row
  when (new.redacted and not old.redacted) execute function outboard.forget_searched();
