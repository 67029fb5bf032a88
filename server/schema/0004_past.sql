-- The past: what a name led to and what a node was behind a change. The log knows; nothing else is kept for it.
--
-- A name's state is undone from now: the first later change that touched it tells what stood there before, and where
-- there is none, today's dentry stood there then. A node's state is in its last change up to then. So a question costs
-- what has changed since within what is asked about, and nothing for a volume's size.

-- The first change of a name behind a seq; and, for listings, all changes of a directory's names behind it.
create index changes_of_name_before on outboard.changes (volume, before_parent, before_name, seq)
  where before_parent is not null;
create index changes_of_name_after on outboard.changes (volume, after_parent, after_name, seq)
  where after_parent is not null;
create index changes_below_before on outboard.changes (volume, before_parent, seq) where before_parent is not null;
create index changes_below_after on outboard.changes (volume, after_parent, seq) where after_parent is not null;
-- What a rename displaced has no change of its own.
create index changes_of_other on outboard.changes (volume, other_inode, seq) where other_inode is not null;
-- All that a session, or one of its tool calls, did.
create index changes_of_session on outboard.changes (volume, session, seq) where session is not null;
create index changes_of_op on outboard.changes (volume, op, seq) where op is not null;

-- The inode that a name led to behind change p_seq; null: nothing stood there.
create function outboard.inode_at(p_volume bigint, p_parent bigint, p_name text, p_seq bigint) returns bigint
language sql stable as $$
  select s.stood from (
    (select c.seq, c.inode as stood from outboard.changes c where c.volume = p_volume and c.before_parent = p_parent
       and c.before_name = p_name and c.seq > p_seq order by c.seq limit 1)
    union all
    (select c.seq, c.other_inode from outboard.changes c where c.volume = p_volume and c.after_parent = p_parent
       and c.after_name = p_name and c.seq > p_seq order by c.seq limit 1)
    union all
    (select 9223372036854775807, d.inode from outboard.dentries d where d.volume = p_volume and d.parent = p_parent
       and d.name = p_name)
  ) s order by s.seq limit 1
$$;

-- Up to p_limit names of a directory behind p_after, bytewise, as they were behind change p_seq.
create function outboard.names_at(p_volume bigint, p_parent bigint, p_after text, p_limit bigint, p_seq bigint)
returns table (name text, inode bigint) language plpgsql stable as $$
begin
  return query
    with touched as materialized (
      select distinct on (t.name) t.name, t.stood from (
        select c.before_name as name, c.seq, c.inode as stood from outboard.changes c
          where c.volume = p_volume and c.before_parent = p_parent and c.seq > p_seq
        union all
        select c.after_name, c.seq, c.other_inode from outboard.changes c
          where c.volume = p_volume and c.after_parent = p_parent and c.seq > p_seq) t
      where t.name > p_after collate "C" order by t.name, t.seq)
    select s.name, s.inode from (
      (select d.name, d.inode from outboard.dentries d
         where d.volume = p_volume and d.parent = p_parent and d.name > p_after collate "C"
           and not exists (select 1 from touched u where u.name = d.name)
         order by d.name limit p_limit)
      union all
      (select u.name, u.stood from touched u where u.stood is not null)) s
    order by s.name collate "C" limit p_limit;
end $$;

-- How many links a directory had that was there behind change p_seq: today's, less what came since.
create function outboard.links_at(p_volume bigint, p_inode bigint, p_seq bigint) returns bigint
language sql stable as $$
  select greatest(i.links, 2) - coalesce((
      select sum(m.links) from (
        select case when c.node_kind = 1 then -1 else 0 end + case when c.other_exchanged and o.kind = 1 then 1 else 0 end
            as links
          from outboard.changes c left join outboard.inodes o on o.volume = c.volume and o.inode = c.other_inode
          where c.volume = p_volume and c.before_parent = p_inode and c.seq > p_seq
        union all
        select case when c.node_kind = 1 then 1 else 0 end + case when o.kind = 1 then -1 else 0 end
          from outboard.changes c left join outboard.inodes o on o.volume = c.volume and o.inode = c.other_inode
          where c.volume = p_volume and c.after_parent = p_inode and c.seq > p_seq) m), 0)
  from outboard.inodes i where i.volume = p_volume and i.inode = p_inode
$$;

-- A node as it was behind change p_seq, links 0 when it had been removed; no row: it was not made yet, or its record is
-- gone with the log. Extended attributes are kept as they are now only; xattr_bytes is right.
create function outboard.node_at(p_volume bigint, p_inode bigint, p_seq bigint)
returns table (inode bigint, kind smallint, mode integer, uid bigint, gid bigint, size bigint, links bigint,
  device bigint, accessed bigint, modified bigint, changed bigint, version bigint, digest bytea, target bytea,
  xattr_bytes integer, chunked boolean) language plpgsql stable rows 1 as $$
declare
  own record;
  moved record;
begin
  if p_inode is null then
    return;
  end if;
  if not exists (select 1 from outboard.changes c where c.volume = p_volume and c.inode = p_inode and c.seq > p_seq)
     and not exists (select 1 from outboard.changes c
                     where c.volume = p_volume and c.other_inode = p_inode and c.seq > p_seq) then
    select i.kind into own from outboard.inodes i where i.volume = p_volume and i.inode = p_inode;
    if own.kind <> 1 or not exists (
        select 1 from outboard.changes c where c.volume = p_volume and c.before_parent = p_inode and c.seq > p_seq
        union all
        select 1 from outboard.changes c where c.volume = p_volume and c.after_parent = p_inode and c.seq > p_seq) then
      return query select i.inode, i.kind, i.mode, i.uid, i.gid, i.size, i.links, i.device, i.accessed, i.modified,
          i.changed, i.version, i.digest, i.target, i.xattr_bytes, i.chunked
        from outboard.inodes i where i.volume = p_volume and i.inode = p_inode;
      return;
    end if;
  end if;
  select c.* into own from outboard.changes c where c.volume = p_volume and c.inode = p_inode and c.seq <= p_seq
    order by c.seq desc limit 1;
  if found then
    inode := own.inode; kind := own.node_kind; mode := own.mode; uid := own.uid; gid := own.gid; size := own.size;
    links := own.links; device := own.device; accessed := own.accessed; modified := own.modified;
    changed := own.changed; version := own.version; target := own.target;
    xattr_bytes := own.xattr_bytes;
    if not own.redacted then
      digest := own.digest;
    end if;
  elsif p_inode = 1 then  -- nobody makes a root: it begins with its volume
    select (extract(epoch from v.created) * 1000000)::bigint * 1000 as made into own from outboard.volumes v
      where v.id = p_volume;
    inode := 1; kind := 1; mode := 493; uid := 0; gid := 0; size := 0; links := 2; device := 0; accessed := own.made;
    modified := own.made; changed := own.made; version := 0; xattr_bytes := 0;
    select 0::bigint as seq into own;
  else
    return;
  end if;
  chunked := false;
  -- A rename over it, or an exchange, and for a directory the names within: not changes of its own.
  select c.seq, c.other_links, c.at into moved from outboard.changes c
    where c.volume = p_volume and c.other_inode = p_inode and c.seq <= p_seq and c.seq > own.seq
    order by c.seq desc limit 1;
  if found then
    links := moved.other_links;
    changed := moved.at;
  end if;
  if kind = 1 and links > 0 then
    links := outboard.links_at(p_volume, p_inode, p_seq);
    select t.seq, t.at into own from (
        (select c.seq, c.at from outboard.changes c where c.volume = p_volume and c.before_parent = p_inode
           and c.seq <= p_seq and c.seq > own.seq order by c.seq desc limit 1)
        union all
        (select c.seq, c.at from outboard.changes c where c.volume = p_volume and c.after_parent = p_inode
           and c.seq <= p_seq and c.seq > own.seq order by c.seq desc limit 1)) t
      order by t.seq desc limit 1;
    if found then
      modified := own.at;
      if moved.seq is null or own.seq > moved.seq then
        changed := own.at;
      end if;
    end if;
  end if;
  return next;
end $$;

-- names_at() with their nodes. What has not been touched since, all but directories, is taken from today's rows at once.
-- `limit 1` keeps the look at each node a probe: the planner would read a whole volume for a page of it.
create function outboard.entries_at(p_volume bigint, p_parent bigint, p_after text, p_limit bigint, p_seq bigint)
returns table (name text, inode bigint, kind smallint, mode integer, uid bigint, gid bigint, size bigint, links bigint,
  device bigint, accessed bigint, modified bigint, changed bigint, version bigint, digest bytea, target bytea,
  xattr_bytes integer, chunked boolean) language plpgsql stable as $$
begin
  return query
    with named as materialized (
      select s.name, s.inode, coalesce(i.kind <> 1
          and (select c.seq from outboard.changes c where c.volume = p_volume and c.inode = s.inode
               and c.seq > p_seq limit 1) is null
          and (select c.seq from outboard.changes c where c.volume = p_volume and c.other_inode = s.inode
               and c.seq > p_seq limit 1) is null, false) as untouched
      from outboard.names_at(p_volume, p_parent, p_after, p_limit, p_seq) s
      left join lateral (select o.kind from outboard.inodes o where o.volume = p_volume and o.inode = s.inode
                         limit 1) i on true)
    select d.name, i.inode, i.kind, i.mode, i.uid, i.gid, i.size, i.links, i.device, i.accessed, i.modified, i.changed,
        i.version, i.digest, i.target, i.xattr_bytes, i.chunked
      from named d cross join lateral (select o.* from outboard.inodes o where o.volume = p_volume
        and o.inode = d.inode limit 1) i where d.untouched
    union all
    select d.name, n.* from named d cross join lateral outboard.node_at(p_volume, d.inode, p_seq) n
      where not d.untouched;
end $$;

-- Whether change p_seq is the last up to p_upto that says something of the node.
create function outboard.is_last_word(p_volume bigint, p_inode bigint, p_seq bigint, p_upto bigint) returns boolean
language sql stable as $$
  select not exists (select 1 from outboard.changes c where c.volume = p_volume and c.inode = p_inode
                     and c.seq > p_seq and c.seq <= p_upto)
     and not exists (select 1 from outboard.changes c where c.volume = p_volume and c.other_inode = p_inode
                     and c.seq > p_seq and c.seq <= p_upto)
$$;

-- The same of the names in a directory, as long as the directory was there at p_upto.
create function outboard.is_last_touch(p_volume bigint, p_inode bigint, p_seq bigint, p_upto bigint) returns boolean
language sql stable as $$
  select p_inode is not null
     and not exists (select 1 from outboard.changes c where c.volume = p_volume and c.before_parent = p_inode
                     and c.seq > p_seq and c.seq <= p_upto)
     and not exists (select 1 from outboard.changes c where c.volume = p_volume and c.after_parent = p_inode
                     and c.seq > p_seq and c.seq <= p_upto)
     and exists (select 1 from outboard.inodes i where i.volume = p_volume and i.inode = p_inode and (i.links > 0
                 or exists (select 1 from outboard.changes c where c.volume = p_volume and c.inode = p_inode
                            and c.seq > p_upto)
                 or exists (select 1 from outboard.changes c where c.volume = p_volume and c.other_inode = p_inode
                            and c.seq > p_upto)))
$$;

-- Whether a change at or before p_upto, where the log is to begin, still tells something of the tree as it was there:
-- the last word about a node that was there, or about the times of a directory.
create function outboard.still_needed(c outboard.changes, p_upto bigint) returns boolean language sql stable as $$
  select (c.links > 0 and outboard.is_last_word(c.volume, c.inode, c.seq, p_upto))
      or (coalesce(c.other_links, 0) > 0 and outboard.is_last_word(c.volume, c.other_inode, c.seq, p_upto))
      or outboard.is_last_touch(c.volume, c.before_parent, c.seq, p_upto)
      or outboard.is_last_touch(c.volume, c.after_parent, c.seq, p_upto)
$$;

-- ── Retention ────────────────────────────────────────────────────────────────────────────────────
-- Up to here files have no more versions than retention_versions allows.
alter table outboard.volumes add column collected_seq bigint not null default 0;

-- Lets the log begin behind p_upto: takes the changes up to there that tell nothing of the tree as it was there, the
-- versions that had been superseded there, and the nodes that had gone and did not come back.
create function outboard.forget_changes(p_volume bigint, p_from bigint, p_upto bigint, out versions bigint,
    out bytes bigint, out changes bigint) language plpgsql as $$
declare
  nodes bigint[];
  firsts bigint[];                                  -- the first version of each that stays
  none constant bigint := 9223372036854775807;
  pieces bigint;
begin
  select coalesce(array_agg(w.inode), '{}'), coalesce(array_agg(w.first), '{}') into nodes, firsts from (
    select t.inode, case when (w.links = 0 or exists (
          select 1 from outboard.changes c where c.volume = p_volume and c.other_inode = t.inode and c.seq > w.seq
            and c.seq <= p_upto and c.other_links = 0))
        and not exists (select 1 from outboard.changes c where c.volume = p_volume and c.inode = t.inode
            and c.seq > p_upto)
      then none else w.version end as first
    from (select c.inode from outboard.changes c where c.volume = p_volume and c.seq > p_from and c.seq <= p_upto
          union select c.other_inode from outboard.changes c where c.volume = p_volume and c.seq > p_from
            and c.seq <= p_upto and c.other_inode is not null) t
    cross join lateral (select c.seq, c.version, c.links from outboard.changes c where c.volume = p_volume
      and c.inode = t.inode and c.seq <= p_upto order by c.seq desc limit 1) w) w;
  -- One that is brought back meanwhile stays whole: who restores it takes the same lock.
  with held as materialized (
      select i.inode from outboard.inodes i where i.volume = p_volume and i.links = 0
        and i.inode = any (array(select t.inode from unnest(nodes, firsts) as t(inode, first) where t.first = none))
      order by i.inode for update of i)
    select coalesce(array_agg(t.inode), '{}'), coalesce(array_agg(t.first), '{}') into nodes, firsts
      from unnest(nodes, firsts) as t(inode, first)
      where t.first <> none or t.inode in (select h.inode from held h);
  with gone as (delete from outboard.versions x using unnest(nodes, firsts) as t(inode, first)
      where x.volume = p_volume and x.inode = t.inode and x.version < t.first returning x.size, x.chunked)
    select count(*), coalesce(sum(g.size) filter (where not g.chunked), 0) into versions, bytes from gone g;
  with gone as (delete from outboard.chunks c using unnest(nodes, firsts) as t(inode, first)
      where c.volume = p_volume and c.inode = t.inode and coalesce(c.to_version, none) <= t.first
      returning length(c.data) as size)
    select coalesce(sum(g.size), 0) into pieces from gone g;
  bytes := bytes + pieces;
  delete from outboard.inodes i using unnest(nodes, firsts) as t(inode, first)
    where i.volume = p_volume and i.inode = t.inode and t.first = none and i.links = 0;
  -- Those of this stretch, and older ones that were the last word until something in it was said.
  with stretch as materialized (
      select c.seq, c.inode, c.other_inode, c.before_parent, c.after_parent from outboard.changes c
      where c.volume = p_volume and c.seq > p_from and c.seq <= p_upto),
    said as (select s.inode from stretch s union select s.other_inode from stretch s where s.other_inode is not null),
    names as (select s.before_parent as inode from stretch s where s.before_parent is not null
              union select s.after_parent from stretch s where s.after_parent is not null),
    doubtful as (
      select s.seq from stretch s
      union select c.seq from said t join outboard.changes c on c.volume = p_volume and c.inode = t.inode and c.seq <= p_from
      union select c.seq from said t join outboard.changes c on c.volume = p_volume and c.other_inode = t.inode
        and c.seq <= p_from
      union select c.seq from names t join outboard.changes c on c.volume = p_volume and c.before_parent = t.inode
        and c.seq <= p_from
      union select c.seq from names t join outboard.changes c on c.volume = p_volume and c.after_parent = t.inode
        and c.seq <= p_from),
    gone as (delete from outboard.changes c using doubtful d where c.volume = p_volume and c.seq = d.seq
      and not outboard.still_needed(c, p_upto) returning 1)
    select count(*) into changes from gone;
  -- Last: it is the row that writers take in turn.
  update outboard.volumes v set pruned_seq = p_upto where v.id = p_volume;
end $$;

-- Takes the versions that are over retention_versions of the files changed in (p_from, p_upto]; not those that were
-- superseded at p_youngest or later.
create function outboard.thin_versions(p_volume bigint, p_keep bigint, p_from bigint, p_upto bigint, p_youngest bigint,
    out versions bigint, out bytes bigint) language plpgsql as $$
declare
  nodes bigint[];
  pieces bigint;
begin
  select coalesce(array_agg(distinct c.inode), '{}') into nodes from outboard.changes c
    where c.volume = p_volume and c.seq > p_from and c.seq <= p_upto and c.node_kind = 0 and c.version > p_keep;
  with gone as (delete from outboard.versions x using outboard.inodes n
      where x.volume = p_volume and x.inode = any(nodes) and n.volume = p_volume and n.inode = x.inode
        and x.version <= n.version - p_keep
        and exists (select 1 from outboard.versions s where s.volume = p_volume and s.inode = x.inode
                    and s.version > x.version and s.at < p_youngest
                    and s.seq <= coalesce(outboard.keep_from(p_volume), s.seq))
      returning x.size, x.chunked)
    select count(*), coalesce(sum(g.size) filter (where not g.chunked), 0) into versions, bytes from gone g;
  with gone as (delete from outboard.chunks c where c.volume = p_volume and c.inode = any(nodes)
      and c.to_version is not null and not exists (select 1 from outboard.versions x where x.volume = p_volume
        and x.inode = c.inode and x.version >= c.from_version and x.version < c.to_version)
      returning length(c.data) as size)
    select coalesce(sum(g.size), 0) into pieces from gone g;
  bytes := bytes + pieces;
  update outboard.volumes v set collected_seq = p_upto where v.id = p_volume;
end $$;

-- The last seq of at most p_rows changes behind p_from that are all older than p_youngest; p_from: none is.
create function outboard.older_upto(p_volume bigint, p_from bigint, p_rows bigint, p_youngest bigint) returns bigint
language sql stable as $$
  select coalesce(min(t.seq) filter (where t.at >= p_youngest) - 1, max(t.seq), p_from)
  from (select c.seq, c.at from outboard.changes c where c.volume = p_volume and c.seq > p_from
        order by c.seq limit p_rows) t
$$;

-- One step of applying a volume's retention, in a transaction of its own. `busy`: another server is at it.
create function outboard.collect_step(p_volume bigint, p_rows bigint, p_age_min bigint, out versions bigint,
    out bytes bigint, out changes bigint, out pruned bigint, out more boolean, out busy boolean)
language plpgsql as $$
declare
  v record;
  told bigint := outboard.nanoseconds();
  youngest bigint;
  upto bigint;
  kept constant bigint := outboard.keep_from(p_volume);  -- null: no revision asks for anything, and least() passes it by
  thinned record;
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
      return;  -- the volume's row is locked from here on: whatever else there is, is another step's
    end if;
  end if;
  if v.retention_versions is not null then
    youngest := told - p_age_min * 1000000000;
    upto := least(outboard.older_upto(p_volume, v.collected_seq, p_rows, youngest), kept);
    if upto > v.collected_seq then
      select * into thinned
        from outboard.thin_versions(p_volume, v.retention_versions, v.collected_seq, upto, youngest);
      versions := versions + thinned.versions;
      bytes := bytes + thinned.bytes;
      more := more or least(outboard.older_upto(p_volume, upto, 1, youngest), kept) > upto;
    end if;
  end if;
end $$;
