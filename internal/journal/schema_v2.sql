-- Version 2. A mailbox that was moved to another account leaves its folders behind; their records are taken over. What a
-- clock that was wrong put on record counts no more once a person has approved the clock.

ALTER TABLE mailbox ADD COLUMN clock_approved INTEGER;
ALTER TABLE folder ADD COLUMN away INTEGER NOT NULL DEFAULT 0; -- listed under another account since: its ids prove nothing
