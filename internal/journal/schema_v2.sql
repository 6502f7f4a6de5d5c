-- Version 2. A mailbox that was moved to another account leaves its folders behind; their records are taken over. What a
-- clock that was wrong put on record counts no more once a person has approved the clock. Of what a rule takes, the newest may be all that counts.

ALTER TABLE mailbox ADD COLUMN clock_approved INTEGER;
ALTER TABLE folder ADD COLUMN away INTEGER NOT NULL DEFAULT 0; -- listed under another account since: its ids prove nothing
ALTER TABLE file ADD COLUMN newest INTEGER NOT NULL DEFAULT 0; -- not to be published once something newer of its rule is out
CREATE INDEX file_latest ON file (rule, received) WHERE state = 'published';
