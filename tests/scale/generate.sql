-- Fills an empty PostgreSQL store with users and sessions, as after years of use. Sign-ins are spread over the last 80
-- days, refreshes over the last 14. One session in ten is revoked; some of these are older than session.retention and
-- due for the sweep.
--
--   psql URL -v sessions=10000000 -v users=1000000 -f tests/scale/generate.sql
--
-- The id of the n-th session is predictable, so that a bench with the root secret can compute its refresh token. It is
-- a UUIDv7, as the server's are: its time is n * span / sessions after the beginning, its last 60 bits are n.
\set ON_ERROR_STOP on
\timing on
SELECT (extract(epoch FROM now()) * 1000000)::bigint AS now \gset
\set day 86400000000
\set beginning ((:now / :day - 80) * :day)

INSERT INTO users (id, username, password_hash, roles, session_epoch, created_at, revision)
SELECT ('00000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'user' || n,
       '$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b4dWRWJTmaaJObGUjy2o1RgXBk', '', 0,
       :beginning, 0
FROM generate_series(1::bigint, :users) n;

INSERT INTO sessions (id, user_id, client_id, session_epoch, scope, audience, generation, rotated_at, rotation_gap,
                      late_retry_generation, authenticated_at, acr, expires_at, revoked_at, revocation_reason,
                      user_agent, address, client_epoch)
SELECT (lpad(to_hex(begun / 1000), 12, '0') || '7000' || '8' || lpad(to_hex(n), 15, '0'))::uuid,
       ('00000000-0000-4000-8000-' || lpad(to_hex(1 + (n * 7919 * 104729) % :users), 12, '0'))::uuid,
       'first-party', 0, 'account', '', 1,
       greatest(begun, least(ended, :now - (n * 104729 % 14000) * (:day / 1000))), 0, NULL, begun,
       'pwd', coalesce(ended, begun + 90 * :day), ended, CASE WHEN ended IS NOT NULL THEN 'sign_out' END,
       'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36',
       '203.0.' || n % 256 || '.' || n / 256 % 256, (SELECT epoch FROM clients WHERE id = 'first-party')
FROM (
  SELECT n, begun, CASE WHEN n % 10 = 0 THEN begun + (:now - begun) / 4 END AS ended
  FROM (SELECT n, :beginning + n * (80 * :day / :sessions) AS begun FROM generate_series(1::bigint, :sessions) n) counted
) sessions;

VACUUM (ANALYZE) users;
VACUUM (ANALYZE) sessions;
