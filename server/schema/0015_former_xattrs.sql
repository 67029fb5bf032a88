-- What extended attributes were. The log says that one was changed, and how much its node's have together; here is what it
-- was before. One row a change: as of a seq an attribute is what the first row behind that seq says, or what it is now.

create table outboard.former_xattrs (
  volume bigint not null,
  seq bigint not null,                              -- of the change
  inode bigint not null,
  name bytea not null,                              -- empty: of any of them, see below
  value bytea,                                      -- null: there was none, or it is lost
  lost smallint not null default 0,                 -- 0 it is known, 1 let go, 2 redacted
  primary key (volume, seq)
);
create index former_xattrs_of_node on outboard.former_xattrs (volume, inode, name, seq);

-- What was changed before nobody wrote down.
insert into outboard.former_xattrs (volume, seq, inode, name, lost)
  select c.volume, c.seq, c.inode, '', 1 from outboard.changes c where c.kind = 7;

-- Nor does a server that is older than this table, while it still runs beside newer ones.
create function outboard.miss_former_xattr() returns trigger language plpgsql as $$
begin
  insert into outboard.former_xattrs (volume, seq, inode, name, lost) values (new.volume, new.seq, new.inode, '', 1)
    on conflict do nothing;
  return null;
end $$;
create trigger miss_former_xattr after insert on outboard.changes for each row when (new.kind = 7)
  execute function outboard.miss_former_xattr();

-- What the attributes that were changed behind p_seq were there. One probe for each that the node ever had: of those that
-- are changed all the time the rows between are not looked at.
create function outboard.former_xattrs(p_volume bigint, p_inode bigint, p_seq bigint)
returns table (name bytea, value bytea, lost smallint) language sql stable as $$
  with recursive named(name) as (
    (select x.name from outboard.former_xattrs x where x.volume = p_volume and x.inode = p_inode order by x.name limit 1)
    union all
    select (select x.name from outboard.former_xattrs x where x.volume = p_volume and x.inode = p_inode and x.name > n.name
            order by x.name limit 1)
      from named n where n.name is not null)
  select n.name, f.value, f.lost from named n
    cross join lateral (select x.value, x.lost from outboard.former_xattrs x where x.volume = p_volume and x.inode = p_inode
      and x.name = n.name and x.seq > p_seq order by x.seq limit 1) f
    where n.name is not null
$$;

-- ── Retention ────────────────────────────────────────────────────────────────────────────────────
-- With the log goes what was superseded where it begins.
alter function outboard.forget_changes(bigint, bigint, bigint) rename to forget_files;
create function outboard.forget_changes(p_volume bigint, p_from bigint, p_upto bigint, out versions bigint,
    out bytes bigint, out changes bigint) language plpgsql as $$
declare
  values_bytes bigint;
begin
  with gone as (delete from outboard.former_xattrs x where x.volume = p_volume and x.seq <= p_upto returning x.value)
    select coalesce(sum(length(g.value)), 0) into values_bytes from gone g;
  select f.versions, f.bytes, f.changes into versions, bytes, changes
    from outboard.forget_files(p_volume, p_from, p_upto) f;  -- which locks the volume's row, last
  bytes := bytes + values_bytes;
end $$;

-- They are history, and count for retention_bytes. The rows stay: that something is no longer known is to be said.
alter function outboard.history_bytes(bigint) rename to history_bytes_of_files;
create function outboard.history_bytes(p_volume bigint) returns bigint language sql stable as $$
  select outboard.history_bytes_of_files(p_volume)
    + coalesce((select sum(length(x.value)) from outboard.former_xattrs x where x.volume = p_volume), 0)::bigint
$$;

alter function outboard.freed_bytes(bigint, bigint, bigint) rename to freed_bytes_of_files;
create function outboard.freed_bytes(p_volume bigint, p_from bigint, p_upto bigint) returns bigint
language sql stable as $$
  select outboard.freed_bytes_of_files(p_volume, p_from, p_upto)
    + coalesce((select sum(length(x.value)) from outboard.former_xattrs x where x.volume = p_volume and x.seq > p_from
        and x.seq <= p_upto), 0)::bigint
$$;

alter function outboard.free_history(bigint, bigint, bigint) rename to free_history_of_files;
create function outboard.free_history(p_volume bigint, p_from bigint, p_upto bigint, out versions bigint, out bytes bigint)
language plpgsql as $$
declare
  values_bytes bigint;
begin
  select f.versions, f.bytes into versions, bytes from outboard.free_history_of_files(p_volume, p_from, p_upto) f;
  select coalesce(sum(length(x.value)), 0) into values_bytes from outboard.former_xattrs x
    where x.volume = p_volume and x.seq > p_from and x.seq <= p_upto;
  update outboard.former_xattrs x set value = null, lost = 1
    where x.volume = p_volume and x.seq > p_from and x.seq <= p_upto and x.value is not null;
  bytes := bytes + values_bytes;
end $$;
