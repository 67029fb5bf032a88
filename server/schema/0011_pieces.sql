-- Pieces of a file that SQL made small enough to be kept inline end with the version before, as those of every other
-- writer do. What is in force with no version in chunks to need it, from before, ends here.

create or replace function outboard.put_chunks(p_rows outboard.planned_row[]) returns void language plpgsql as $$
declare
  long constant outboard.planned_row[] := array(select r from unnest(p_rows) r where r.size > 65536);
begin
  update outboard.chunks c set to_version = r.version + 1 from unnest(p_rows) r
    where c.volume = r.volume and c.inode = r.inode and r.version > 0 and c.to_version is null;
  if long <> '{}' then
    insert into outboard.chunks (volume, inode, chunk, piece, from_version, data)
      select r.volume, r.inode, k, 0, r.version + 1, substr(n.data, k * 65536 + 1, 65536)
      from unnest(long) r,
        lateral (select convert_to(m.content, 'UTF8') as data from outboard.noted_row(r.ordinal) m offset 0) n,
        generate_series(0, ((r.size - 1) / 65536)::int) k;
  end if;
end $$;

update outboard.chunks c set to_version = n.version from outboard.inodes n
  where n.volume = c.volume and n.inode = c.inode and not n.chunked and c.to_version is null;
