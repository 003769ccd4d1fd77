-- What came and was given up, so that it can be looked at.
CREATE INDEX received_given_up ON received (actor_id, id) WHERE processed_at IS NOT NULL AND body IS NOT NULL;
