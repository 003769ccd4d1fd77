-- One kind of work never takes all workers.
ALTER TABLE jobs ADD COLUMN lane TEXT NOT NULL DEFAULT 'network';
UPDATE jobs SET lane = 'leaving' WHERE kind LIKE 'send_%' AND kind NOT IN ('send_leave', 'send_mail', 'send_measure', 'send_admission');
UPDATE jobs SET lane = 'local' WHERE kind IN ('close_poll', 'follow_move', 'notify', 'end_mute', 'publish_scheduled', 'end_guest', 'tell_policies', 'hold_recent', 'enforce_nodes', 'release_posts', 'release_held', 'look_at_place', 'invite_list');
UPDATE jobs SET lane = 'heavy' WHERE kind IN ('erase_account', 'process_media', 'pack_archive');
CREATE INDEX jobs_due ON jobs (lane, run_at, id) WHERE dead_at IS NULL;
DROP INDEX jobs_waiting;

-- What one sender sent is processed in order, by one process at a time.
CREATE INDEX received_leased ON received (actor_id) WHERE processed_at IS NULL AND leased_until > 0;
