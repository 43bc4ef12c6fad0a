-- Secrets (links, session tokens) stand here as SHA-256 digests only, passwords as argon2id digests.

-- Keys by which a signed-in browser acts. Nobody knows their secret.
ALTER TABLE keys ADD COLUMN is_console INTEGER NOT NULL DEFAULT 0;
CREATE INDEX keys_by_account ON keys (account_id);

CREATE TABLE console_users (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL UNIQUE REFERENCES accounts (id),
    key_id TEXT NOT NULL UNIQUE REFERENCES keys (id),
    email TEXT NOT NULL,
    email_folded TEXT NOT NULL UNIQUE,
    password_salt BLOB NOT NULL,
    password_digest BLOB NOT NULL,
    is_admin INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- `user_id` is whose password a link of that purpose resets.
CREATE TABLE console_links (
    digest BLOB PRIMARY KEY,
    purpose TEXT NOT NULL,
    user_id TEXT REFERENCES console_users (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE console_sessions (
    digest BLOB PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES console_users (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX console_sessions_by_user ON console_sessions (user_id);

-- `day` is days since 1970, UTC.
CREATE TABLE usage (
    key_id TEXT NOT NULL REFERENCES keys (id),
    day INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    images INTEGER NOT NULL,
    tokens INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    PRIMARY KEY (key_id, day)
) STRICT, WITHOUT ROWID;

-- A small JPEG of our own making, for lists.
CREATE TABLE asset_thumbnails (
    asset_id TEXT PRIMARY KEY REFERENCES assets (id) ON DELETE CASCADE,
    jpeg BLOB NOT NULL
) STRICT;

-- `vector` holds little-endian 32-bit floats; an empty one says that the picture cannot be embedded.
CREATE TABLE asset_vectors (
    asset_id TEXT NOT NULL REFERENCES assets (id) ON DELETE CASCADE,
    space TEXT NOT NULL,
    vector BLOB NOT NULL,
    PRIMARY KEY (asset_id, space)
) STRICT;
