-- Large statements: what each row of them need not pay for. [D21]

-- As in 0002, and check_write is asked only for what a rule of the volume would look at: a call for each of ten thousand
-- rows costs a quarter of the statement.
create or replace function outboard.check_rows(p_after bigint, p_volumes outboard.noted_volume[]) returns void
language plpgsql as $$
begin
  perform outboard.check_path(n.path), outboard.refuse_bytes(n.path) from outboard.noted_rows n
    where n.xid = pg_current_xact_id() and n.ordinal > p_after
      and (n.action = 0 or n.action = 1 and n.path is distinct from n.old_path);
  perform outboard.check_write(v.id, n.path, case
      when n.content is not null then n.content
      when n.path like '%/SKILL.md' then (select f.content from outboard.text_files f
        where f.org = n.org and f.volume = n.volume and f.path = n.old_path) end)
    from outboard.noted_rows n
    join unnest(p_volumes) v on v.org = n.org and v.volume = n.volume and v.holds = n.holds
    join outboard.volumes r on r.id = v.id
    where n.xid = pg_current_xact_id() and n.ordinal > p_after and n.action <> 2
      and (r.secret_scan > 0 or r.skill_lint > 0 and n.path like '%/SKILL.md');
end $$;

-- Told that they are stable, which writing a row as text is, Postgres writes the bodies of these into the queries that call
-- them; an immutable function that calls what is stable stays a call. What they say is the same.
alter function outboard.digest_of(outboard.changes, bytea) stable;
