# SPDX-License-Identifier: Apache-2.0
"""sqlite3: a million rows are made, indexed, joined, sorted outside the cache, deleted in part and vacuumed."""

NEEDS = {"/usr/bin/sqlite3": "sqlite3"}
SECONDS = 120
SCRIPT = """\
PRAGMA journal_mode = WAL;
PRAGMA cache_size = -65536;
CREATE TABLE item (id INTEGER PRIMARY KEY, number INTEGER, name TEXT, body BLOB);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
  INSERT INTO item SELECT i, (i * 7919) % 1000003, 'name ' || (i % 1009), zeroblob(i % 40) FROM n;
CREATE INDEX by_name ON item (name, number);
SELECT count(*), sum(number), max(length(name)) FROM item;
SELECT name, count(*), group_concat(number) FROM
  (SELECT * FROM item WHERE id % 50 = 0 ORDER BY number DESC) GROUP BY name ORDER BY 2, 1 LIMIT 200;
SELECT a.id, b.id FROM item a JOIN item b ON a.number = b.id ORDER BY a.name, b.number, a.id LIMIT 50 OFFSET 5000;
SELECT sum(r * (id % 7)) FROM (SELECT id, row_number() OVER (ORDER BY number, id) AS r FROM item);
SELECT json_group_array(json_object('id', id, 'name', name)) FROM item WHERE id < 2000;
DELETE FROM item WHERE id % 3 = 0;
VACUUM;
PRAGMA integrity_check;
PRAGMA wal_checkpoint(TRUNCATE);
SELECT count(*), sum(number) FROM item;
"""


def work(run):
    rows = 1_000_000 if run.full else 150_000
    run.write("script.sql", SCRIPT.format(rows=rows))
    run.step("/usr/bin/sqlite3", "-batch", "rows.db", stdin="script.sql", serves=1_500)
    run.record_files("rows.db")
