-- Retention by bytes: what is kept of versions that are not current, in all, is at most retention_bytes. What was
-- superseded longest ago goes first; a line moves along the log, as for the number of versions.
--
-- A collection counts once, reading through the rows of the volume's versions and pieces. If that is too much it remembers by
-- how much and walks the log from the line on, so that each of its steps costs the changes that it passes. No writer
-- counts anything.

alter table outboard.volumes
  add column freed_seq bigint not null default 0,   -- what was superseded up to here has gone, for its bytes
  add column excess_bytes bigint,                   -- that are still to go, as counted last; null: not counted
  add column counted_seq bigint;                    -- at this head they were within the limit; null: not known

-- The bytes of versions that are not current, and of removed nodes, as they are stored.
create function outboard.history_bytes(p_volume bigint) returns bigint language sql stable as $$
  select (coalesce((select sum(x.size) from outboard.versions x
      join outboard.inodes n on n.volume = x.volume and n.inode = x.inode
      where x.volume = p_volume and x.seq is not null and not x.chunked and not x.redacted
        and (x.version < n.version or n.links = 0)), 0)
    + coalesce((select sum(length(c.data)) from outboard.chunks c
      join outboard.inodes n on n.volume = c.volume and n.inode = c.inode
      where c.volume = p_volume and (c.to_version is not null or n.links = 0)), 0))::bigint
$$;

-- Of the files changed in (p_from, p_upto] the first version that was not superseded at p_upto; of those that were removed
-- by then and did not come back none, which is the largest number.
create function outboard.first_kept(p_volume bigint, p_from bigint, p_upto bigint)
returns table (inode bigint, first bigint) language sql stable as $$
  select t.inode, case when (w.links = 0 or exists (
        select 1 from outboard.changes c where c.volume = p_volume and c.other_inode = t.inode and c.seq > w.seq
          and c.seq <= p_upto and c.other_links = 0))
      and not exists (select 1 from outboard.changes c where c.volume = p_volume and c.inode = t.inode and c.seq > p_upto)
    then 9223372036854775807 else w.version end
  from (select c.inode from outboard.changes c where c.volume = p_volume and c.seq > p_from and c.seq <= p_upto
          and c.node_kind = 0
        union select c.other_inode from outboard.changes c where c.volume = p_volume and c.seq > p_from
          and c.seq <= p_upto and c.other_inode is not null) t
  cross join lateral (select c.seq, c.version, c.links from outboard.changes c where c.volume = p_volume
    and c.inode = t.inode and c.node_kind = 0 and c.seq <= p_upto order by c.seq desc limit 1) w
$$;

-- What would be freed of files changed in (p_from, p_upto].
create function outboard.freed_bytes(p_volume bigint, p_from bigint, p_upto bigint) returns bigint
language sql stable as $$
  with kept as materialized (select k.inode, k.first from outboard.first_kept(p_volume, p_from, p_upto) k)
  select (coalesce((select sum(x.size) from kept k join outboard.versions x on x.volume = p_volume and x.inode = k.inode
      and x.version < k.first where not x.chunked and not x.redacted), 0)
    + coalesce((select sum(length(c.data)) from kept k join outboard.chunks c on c.volume = p_volume and c.inode = k.inode
      where coalesce(c.to_version, 9223372036854775807) <= k.first), 0))::bigint
$$;

-- The first seq behind p_from, at most p_upto, up to which at least p_bytes would be freed.
create function outboard.freed_upto(p_volume bigint, p_from bigint, p_upto bigint, p_bytes bigint) returns bigint
language plpgsql stable as $$
declare
  low bigint := p_from;                             -- too little is freed up to here
  high bigint := p_upto;
  middle bigint;
begin
  if outboard.freed_bytes(p_volume, p_from, p_upto) <= p_bytes then
    return p_upto;
  end if;
  while high - low > 1 loop
    middle := low + (high - low) / 2;
    if outboard.freed_bytes(p_volume, p_from, middle) < p_bytes then
      low := middle;
    else
      high := middle;
    end if;
  end loop;
  return high;
end $$;

-- Takes what was superseded in (p_from, p_upto], and of nodes that were removed all; the log stays.
create function outboard.free_history(p_volume bigint, p_from bigint, p_upto bigint, out versions bigint, out bytes bigint)
language plpgsql as $$
declare
  none constant bigint := 9223372036854775807;
  nodes bigint[];
  firsts bigint[];
  pieces bigint;
begin
  select coalesce(array_agg(k.inode), '{}'), coalesce(array_agg(k.first), '{}') into nodes, firsts
    from outboard.first_kept(p_volume, p_from, p_upto) k;
  -- One that is brought back meanwhile stays whole: who restores it takes the same lock.
  with held as materialized (
      select i.inode from outboard.inodes i where i.volume = p_volume and i.links = 0
        and i.inode = any (array(select t.inode from unnest(nodes, firsts) as t(inode, first) where t.first = none))
      order by i.inode for update of i)
    select coalesce(array_agg(t.inode), '{}'), coalesce(array_agg(t.first), '{}') into nodes, firsts
      from unnest(nodes, firsts) as t(inode, first)
      where t.first <> none or t.inode in (select h.inode from held h);
  with gone as (delete from outboard.versions x using unnest(nodes, firsts) as t(inode, first)
      where x.volume = p_volume and x.inode = t.inode and x.version < t.first
      returning x.size, x.chunked, x.redacted)
    select count(*), coalesce(sum(g.size) filter (where not g.chunked and not g.redacted), 0) into versions, bytes
      from gone g;
  with gone as (delete from outboard.chunks c using unnest(nodes, firsts) as t(inode, first)
      where c.volume = p_volume and c.inode = t.inode and coalesce(c.to_version, none) <= t.first
      returning length(c.data) as size)
    select coalesce(sum(g.size), 0) into pieces from gone g;
  bytes := bytes + pieces;
end $$;

-- One step towards the limit. What was superseded at p_youngest or later stays, and what was behind p_kept.
create function outboard.free_step(v outboard.volumes, p_rows bigint, p_youngest bigint, p_kept bigint, out versions bigint,
    out bytes bigint, out more boolean) language plpgsql as $$
declare
  excess bigint := v.excess_bytes;
  line bigint := greatest(v.freed_seq, v.pruned_seq);
  upto bigint;
begin
  versions := 0; bytes := 0; more := false;
  if excess is null then
    if v.counted_seq = v.head_seq then
      return;
    end if;
    excess := outboard.history_bytes(v.id) - v.retention_bytes;
  end if;
  if excess > 0 then
    upto := least(outboard.older_upto(v.id, line, p_rows, p_youngest), p_kept);
    if upto > line then
      upto := outboard.freed_upto(v.id, line, upto, excess);
      select f.versions, f.bytes into versions, bytes from outboard.free_history(v.id, line, upto) f;
      line := upto;
      more := bytes < excess;
    end if;
  end if;
  update outboard.volumes u set freed_seq = line,
      excess_bytes = case when more then excess - bytes end,
      counted_seq = case when excess <= 0 then v.head_seq end
    where u.id = v.id;
end $$;

-- As in 0004, and by bytes when nothing else is to be taken: each locks the volume's row last, so each is a step.
create or replace function outboard.collect_step(p_volume bigint, p_rows bigint, p_age_min bigint, out versions bigint,
    out bytes bigint, out changes bigint, out pruned bigint, out more boolean, out busy boolean)
language plpgsql as $$
declare
  v outboard.volumes;
  told bigint := outboard.nanoseconds();
  youngest bigint;
  upto bigint;
  kept constant bigint := outboard.keep_from(p_volume);  -- null: no revision asks for anything, and least() passes it by
begin
  versions := 0; bytes := 0; changes := 0; more := false;
  -- The number only keeps this lock apart from others' in the database.
  busy := not pg_try_advisory_xact_lock(7305808869231650000 + p_volume);
  select * into v from outboard.volumes where id = p_volume;
  pruned := v.pruned_seq;
  if busy then
    return;
  end if;
  if v.retention_seconds is not null then
    youngest := told - greatest(v.retention_seconds, p_age_min) * 1000000000;
    upto := least(outboard.older_upto(p_volume, v.pruned_seq, p_rows, youngest), kept);
    if upto > v.pruned_seq then
      select f.versions, f.bytes, f.changes into versions, bytes, changes
        from outboard.forget_changes(p_volume, v.pruned_seq, upto) f;
      pruned := upto;
      more := true;
      return;
    end if;
  end if;
  youngest := told - p_age_min * 1000000000;
  if v.retention_versions is not null then
    upto := least(outboard.older_upto(p_volume, v.collected_seq, p_rows, youngest), kept);
    if upto > v.collected_seq then
      select t.versions, t.bytes into versions, bytes
        from outboard.thin_versions(p_volume, v.retention_versions, v.collected_seq, upto, youngest) t;
      more := v.retention_bytes is not null
        or least(outboard.older_upto(p_volume, upto, 1, youngest), kept) > upto;
      return;
    end if;
  end if;
  if v.retention_bytes is not null then
    select f.versions, f.bytes, f.more into versions, bytes, more from outboard.free_step(v, p_rows, youngest, kept) f;
  end if;
end $$;
