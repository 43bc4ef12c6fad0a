-- An account that was closed takes nothing more, also from requests that were under way.
ALTER TABLE accounts ADD COLUMN closed_at INTEGER;
UPDATE accounts SET closed_at = created_at WHERE name = 'closed-' || id;

-- Empty vectors also stood for pictures whose decoder had been disturbed; all are tried again.
DELETE FROM asset_vectors WHERE length(vector) = 0;
CREATE INDEX asset_vectors_unusable ON asset_vectors (asset_id) WHERE length(vector) = 0;
