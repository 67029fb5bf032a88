"""[S45] Backups, by the commands that docs/operations.md names: the restored server serves the same tree,
versions, log and tokens, and goes on where the copy was taken; a mount shows its files."""

import os
import pathlib
import shutil
import signal
import subprocess

from fault_parts import BIN, Writers, a_site, postgres_programs


def ob(site, address, token_file, *words):
    done = subprocess.run([os.path.join(BIN, "outboard"), "--server", address, "--token-file", token_file,
                           *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"outboard {' '.join(words)}: {done.stdout}{done.stderr}"
    return done.stdout


def shell(command, **variables):
    """As a person types it."""
    path = f"{postgres_programs()}:{os.environ['PATH']}"
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", command], capture_output=True, text=True,
                          env={**os.environ, **variables, "PATH": path}, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def fill(site):
    """A history worth restoring: files, versions, a removal, a skill, users, tokens."""
    site.found()
    site.outboard("volume", "create", "acme/skills")
    token = os.path.join(site.root, "ada.token")
    os.remove(token)
    site.outboard("token", "mint", "acme/ada", "--grant", "acme/memory:rw", "--grant",
                  "acme/skills:rw", "--to-file", token)
    for version in range(5):
        path = pathlib.Path(site.root, "source")
        path.write_text(f"version {version}\n" * 1000)
        ob(site, site.address, token, "memory", "put", "--volume", "acme/memory", "notes/a.md",
           str(path))
    big = pathlib.Path(site.root, "big")
    big.write_bytes(os.urandom(300_000))
    ob(site, site.address, token, "memory", "put", "--volume", "acme/memory", "big", str(big))
    ob(site, site.address, token, "skills", "push", "--org", "acme",
       str(pathlib.Path(os.environ["OUTBOARD_SOURCE"], "examples/skills")))
    return token


def told(site, address, token):
    """All that the restored one must say, too."""
    volume = ("--volume", "acme/memory")
    parts = {"versions": [ob(site, address, token, "memory", "cat", *volume, "notes/a.md", "--version",
                             str(number)) for number in (1, 3, 5)],
             "big": subprocess.run([os.path.join(BIN, "outboard"), "--server", address, "--token-file",
                                    token, "memory", "cat", *volume, "big"], capture_output=True,
                                   check=True).stdout}
    for name in ("memory", "skills"):
        parts["log " + name] = ob(site, address, token, "log", "--volume", f"acme/{name}", "--json",
                                  "--limit", "200")
        parts["tree " + name] = ob(site, address, token, "memory", "ls", "--volume", f"acme/{name}",
                                   "--recursive", "--json")
    parts["tokens"] = ob(site, address, site.site_token, "token", "list", "acme", "--json")
    return parts


def same(before, after):
    for name, said in before.items():
        assert said == after[name], f"after the restore it says of {name}: {after[name]!r:.400}"


def goes_on(site, token, address):
    """New writes take the next seqs."""
    writers = Writers(site, pathlib.Path(token).read_text().strip(), [address], 4)
    writers.advance(40)
    writers.finish()
    return writers.check()


def mounts(site, token, address, expected):
    """A mount of the restored server shows its files."""
    place = pathlib.Path(site.root, "mounted")
    place.mkdir()
    ear, mouth = os.pipe()
    daemon = subprocess.Popen([os.path.join(BIN, "outboard-fuse"), "--server", address, "--token-file",
                               token, "--mount", f"{place}=acme/memory:rw", "--ready-fd", str(mouth)],
                              pass_fds=[mouth])
    os.close(mouth)
    try:
        assert os.read(ear, 100), "the mount did not get ready"
        assert (place / "notes" / "a.md").read_text() == expected
    finally:
        os.close(ear)
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(30)


def dumped_and_restored():
    with a_site() as site:
        cluster = site.postgres("pg")
        cluster.start()
        cluster.sql("CREATE ROLE outboard LOGIN CREATEROLE", "postgres")
        cluster.sql("CREATE DATABASE outboard OWNER outboard", "postgres")
        site.serve(url=cluster.url(user="outboard"))
        token = fill(site)
        before = told(site, site.address, token)
        copy = os.path.join(site.root, "outboard.dump")
        shell('pg_dump --format=custom --schema=outboard --file="$COPY" "$FROM"',
              COPY=copy, FROM=cluster.url(user="outboard"))
        cluster.sql("CREATE DATABASE restored OWNER outboard", "postgres")
        restored = cluster.url("restored", user="outboard")
        shell('pg_restore --exit-on-error --single-transaction --dbname="$TO" "$COPY"',
              COPY=copy, TO=restored)
        second = site.serve("t", url=restored)
        same(before, told(site, second.address, token))
        mounts(site, token, second.address, "version 4\n" * 1000)
        return f"pg_dump of {os.path.getsize(copy)} bytes; {goes_on(site, token, second.address)} lines on"


def dumped_from_the_private_one_into_another():
    with a_site() as site:
        site.serve()
        token = fill(site)
        before = told(site, site.address, token)
        copy = os.path.join(site.root, "outboard.dump")
        data, fresh = os.path.join(site.root, "data"), os.path.join(site.root, "fresh")
        shell('pg_dump --format=custom --schema=outboard --file="$COPY" "$(cat "$DATA/url")"',
              COPY=copy, DATA=data)
        empty = site.serve("t", data="fresh")
        shell('pg_restore --exit-on-error --single-transaction --clean --if-exists '
              '--dbname="$(cat "$DATA/url")" "$COPY"', COPY=copy, DATA=fresh)
        empty.end()
        second = site.serve("u", data="fresh")
        same(before, told(site, second.address, token))
        return f"pg_dump of {os.path.getsize(copy)} bytes; {goes_on(site, token, second.address)} lines on"


def copied_while_it_runs():
    """pg_basebackup of the private Postgres under writers; what was acknowledged before it is there."""
    with a_site() as site:
        site.serve()
        token = fill(site)
        before = told(site, site.address, token)
        writers = Writers(site, pathlib.Path(token).read_text().strip(), [site.address], 16)
        writers.advance(100)
        told_before = list(writers.acked)
        data, fresh = os.path.join(site.root, "data"), os.path.join(site.root, "fresh")
        os.mkdir(fresh)
        shell('pg_basebackup --host="$DATA/socket" --username=postgres --pgdata="$FRESH/postgres" '
              '--checkpoint=fast', DATA=data, FRESH=fresh)
        if os.geteuid() == 0:
            shell('chown -R --reference="$DATA/postgres" "$FRESH/postgres"', DATA=data, FRESH=fresh)
        writers.advance(100)
        writers.finish()
        site.server.end()
        second = site.serve("t", data="fresh")
        after = told(site, second.address, token)
        for name in ("versions", "big", "log skills", "tree skills", "tokens"):
            assert before[name] == after[name], name
        client = site.client(pathlib.Path(token).read_text().strip(), second.address)
        lines = [line.split() for line in client.read(client.open_volume("acme/memory"),
                                                      "log").splitlines()]
        seen = {(int(writer), int(number)) for writer, number in lines}
        assert len(seen) == len(lines), "a line is doubled"
        for writer, count in enumerate(told_before):
            assert {(writer, n) for n in range(1, count + 1)} <= seen, f"writer {writer} lost lines"
        mounts(site, token, second.address, "version 4\n" * 1000)
        shutil.rmtree(fresh, ignore_errors=True)
        return f"{len(lines)} lines in the copy, {sum(told_before)} acknowledged before it began"


CASES = [dumped_and_restored, dumped_from_the_private_one_into_another, copied_while_it_runs]
