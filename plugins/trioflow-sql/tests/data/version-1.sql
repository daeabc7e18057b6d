BEGIN TRANSACTION;
CREATE TABLE trioflow_entries (
      run_id TEXT NOT NULL REFERENCES trioflow_runs (run_id) ON DELETE CASCADE,
      seq INTEGER NOT NULL,
      at REAL NOT NULL,
      text TEXT NOT NULL,
      PRIMARY KEY (run_id, seq)
    );
INSERT INTO "trioflow_entries" VALUES('run-1',0,1767225600.25,'{"type":"start"}');
INSERT INTO "trioflow_entries" VALUES('run-1',1,1767225601.25,'{"type":"step-start"}');
INSERT INTO "trioflow_entries" VALUES('run-1',5,1767225602.25,'{"type":"finish"}');
INSERT INTO "trioflow_entries" VALUES('run-2',3,1767225603.25,'{"grüße": "☃"}');
CREATE TABLE trioflow_runs (
      run_id TEXT NOT NULL PRIMARY KEY,
      workflow_id TEXT NOT NULL,
      resource_id TEXT,
      created_at REAL NOT NULL,
      format INTEGER NOT NULL,
      fingerprint TEXT NOT NULL,
      status TEXT NOT NULL,
      updated_at REAL NOT NULL,
      last_seq INTEGER NOT NULL,
      owner TEXT,
      claimed_until REAL
    );
INSERT INTO "trioflow_runs" VALUES('run-1','weather',NULL,1767225600.25,1,'{"id":"weather","nodes":["fetch","plan"]}','success',1767225602.25,5,NULL,NULL);
INSERT INTO "trioflow_runs" VALUES('run-2','weather','user 7',1767225601.25,1,'{"id":"weather","nodes":["fetch","plan"]}','suspended',1767225603.25,3,'host:1',1767225700.5);
CREATE TABLE trioflow_schema (version INTEGER NOT NULL);
INSERT INTO "trioflow_schema" VALUES(1);
CREATE INDEX trioflow_runs_by_age ON trioflow_runs (created_at, run_id);
CREATE INDEX trioflow_runs_by_status ON trioflow_runs (status, created_at, run_id);
CREATE INDEX trioflow_runs_by_workflow ON trioflow_runs (workflow_id, created_at, run_id);
CREATE INDEX trioflow_runs_by_resource ON trioflow_runs (resource_id, created_at, run_id);
CREATE INDEX trioflow_runs_by_owner ON trioflow_runs (owner) WHERE owner IS NOT NULL;
COMMIT;
