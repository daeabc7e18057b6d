BEGIN TRANSACTION;
CREATE TABLE trioflow_entries (
      run INTEGER NOT NULL REFERENCES trioflow_runs (key) ON DELETE CASCADE,
      seq INTEGER NOT NULL,
      at REAL NOT NULL,
      text TEXT NOT NULL,
      PRIMARY KEY (run, seq)
    );
INSERT INTO "trioflow_entries" VALUES(1,0,1767225600.25,'{"type":"start"}');
INSERT INTO "trioflow_entries" VALUES(1,1,1767225601.25,'{"type":"step-start"}');
INSERT INTO "trioflow_entries" VALUES(1,5,1767225602.25,'{"type":"finish"}');
INSERT INTO "trioflow_entries" VALUES(2,3,1767225603.25,'{"grüße": "☃"}');
CREATE TABLE trioflow_headers (
      run INTEGER NOT NULL PRIMARY KEY REFERENCES trioflow_runs (key) ON DELETE CASCADE,
      fingerprint TEXT NOT NULL,
      tags TEXT NOT NULL,
      input TEXT
    );
INSERT INTO "trioflow_headers" VALUES(1,'{"id":"weather","nodes":["fetch","plan"]}','[]',NULL);
INSERT INTO "trioflow_headers" VALUES(2,'{"id":"weather","nodes":["fetch","plan"]}','["nightly", "grüße"]','{"city":"Oslo"}');
CREATE TABLE trioflow_requests (
      id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
      run INTEGER NOT NULL REFERENCES trioflow_runs (key) ON DELETE CASCADE,
      kind TEXT NOT NULL,
      payload TEXT NOT NULL,
      requested_by TEXT,
      at REAL NOT NULL
    );
INSERT INTO "trioflow_requests" VALUES(2,2,'resume','{"data": true}','Ada',1767225700.5);
CREATE TABLE trioflow_runs (
      key INTEGER NOT NULL PRIMARY KEY,
      run_id TEXT NOT NULL UNIQUE,
      workflow_id TEXT NOT NULL,
      resource_id TEXT,
      created_at REAL NOT NULL,
      format INTEGER NOT NULL,
      status TEXT NOT NULL,
      updated_at REAL NOT NULL,
      last_seq INTEGER NOT NULL,
      due_at REAL,
      owner TEXT,
      claimed_until REAL,
      claim_clock TEXT
    );
INSERT INTO "trioflow_runs" VALUES(1,'run-1','weather',NULL,1767225600.25,1,'success',1767225602.25,5,NULL,NULL,NULL,'34850832-feb5-49b4-a18d-d3f5afbb92f9');
INSERT INTO "trioflow_runs" VALUES(2,'run-2','weather','user 7',1767225601.25,1,'suspended',1767225603.25,3,1767229200.0,'host:1',4711.5,'5f1d3b7e-0000-0000-0000-000000000000');
CREATE TABLE trioflow_schema (version INTEGER NOT NULL);
INSERT INTO "trioflow_schema" VALUES(1);
CREATE TABLE trioflow_tags (
      tag TEXT NOT NULL,
      run INTEGER NOT NULL REFERENCES trioflow_runs (key) ON DELETE CASCADE,
      PRIMARY KEY (tag, run)
    ) WITHOUT ROWID
    ;
INSERT INTO "trioflow_tags" VALUES('grüße',2);
INSERT INTO "trioflow_tags" VALUES('nightly',2);
CREATE INDEX trioflow_runs_by_age ON trioflow_runs (created_at, run_id);
CREATE INDEX trioflow_runs_by_status ON trioflow_runs (status, created_at, run_id);
CREATE INDEX trioflow_runs_by_workflow ON trioflow_runs (workflow_id, created_at, run_id);
CREATE INDEX trioflow_runs_by_resource ON trioflow_runs (resource_id, created_at, run_id);
CREATE INDEX trioflow_runs_by_owner ON trioflow_runs (owner) WHERE owner IS NOT NULL;
CREATE INDEX trioflow_runs_by_due ON trioflow_runs (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX trioflow_tags_by_run ON trioflow_tags (run);
CREATE INDEX trioflow_requests_by_run ON trioflow_requests (run, id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('trioflow_requests',2);
COMMIT;
