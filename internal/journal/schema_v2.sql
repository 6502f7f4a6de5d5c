-- Version 2. A mailbox that was moved to another account leaves its folders behind; their records are taken over.

ALTER TABLE folder ADD COLUMN away INTEGER NOT NULL DEFAULT 0; -- listed under another account since: its ids prove nothing
