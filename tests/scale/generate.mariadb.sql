-- generate.sql for an empty MariaDB store: 500,000 sessions of 50,000 users.
--
--   mariadb DATABASE < tests/scale/generate.mariadb.sql
--
-- The last statement prints the size of each index. The first one, the primary key, contains the rows.
SET @sessions = 500000, @users = 50000, @day = 86400000000;
SET @now = CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED);
SET @beginning = (@now DIV @day - 80) * @day;

INSERT INTO users (id, username, password_hash, roles, session_epoch, created_at, revision)
SELECT UNHEX(CONCAT('0000000000004000', '8000', LPAD(HEX(seq), 12, '0'))), CONCAT('user', seq),
       '$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b4dWRWJTmaaJObGUjy2o1RgXBk', '', 0,
       @beginning, 0
FROM seq_1_to_50000;

INSERT INTO sessions (id, user_id, client_id, session_epoch, scope, audience, generation, rotated_at, rotation_gap,
                      late_retry_generation, authenticated_at, acr, expires_at, revoked_at, revocation_reason,
                      user_agent, address, client_epoch)
SELECT UNHEX(CONCAT(LPAD(HEX(begun DIV 1000), 12, '0'), '7000', '8', LPAD(HEX(n), 15, '0'))),
       UNHEX(CONCAT('0000000000004000', '8000', LPAD(HEX(1 + (n * 7919 * 104729) % @users), 12, '0'))),
       'first-party', 0, 'account', '', 1,
       GREATEST(begun, LEAST(COALESCE(ended, @now), @now - (n * 104729 % 14000) * (@day DIV 1000))), 0, NULL, begun,
       'pwd', COALESCE(ended, begun + 90 * @day), ended, IF(ended IS NULL, NULL, 'sign_out'),
       'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36',
       CONCAT('203.0.', n % 256, '.', n DIV 256 % 256), (SELECT epoch FROM clients WHERE id = 'first-party')
FROM (
  SELECT n, begun, IF(n % 10 = 0, begun + (@now - begun) DIV 4, NULL) AS ended
  FROM (SELECT seq AS n, @beginning + seq * (80 * @day DIV @sessions) AS begun FROM seq_1_to_500000) counted
) sessions;

ANALYZE TABLE sessions;
SELECT index_name, stat_value * @@innodb_page_size / @sessions AS bytes_a_session
FROM mysql.innodb_index_stats
WHERE database_name = DATABASE() AND table_name = 'sessions' AND stat_name = 'size';
