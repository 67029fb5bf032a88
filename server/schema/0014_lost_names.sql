-- Where a node stood is asked of the names that it has and of those that it has lost since. Of a file that is written all
-- the time the latter are few, and its changes many.
create index changes_of_lost_name on outboard.changes (volume, inode, seq) where before_parent is not null;

-- As in 0004. The rows of a name are asked for in the order that only the names' own indexes have: for an equal name the
-- planner, who believes a young table to be empty, may as well look through all that its directory has seen since.
create or replace function outboard.inode_at(p_volume bigint, p_parent bigint, p_name text, p_seq bigint) returns bigint
language sql stable as $$
  select s.stood from (
    (select b.seq, b.stood from (
       select c.before_name as name, c.seq, c.inode as stood from outboard.changes c
         where c.volume = p_volume and c.before_parent = p_parent
           and (c.before_name, c.seq) > (p_name collate "C", p_seq)
         order by c.before_name, c.seq limit 1) b where b.name = p_name)
    union all
    (select a.seq, a.stood from (
       select c.after_name as name, c.seq, c.other_inode as stood from outboard.changes c
         where c.volume = p_volume and c.after_parent = p_parent
           and (c.after_name, c.seq) > (p_name collate "C", p_seq)
         order by c.after_name, c.seq limit 1) a where a.name = p_name)
    union all
    (select 9223372036854775807, d.inode from outboard.dentries d where d.volume = p_volume and d.parent = p_parent
       and d.name = p_name)
  ) s order by s.seq limit 1
$$;
