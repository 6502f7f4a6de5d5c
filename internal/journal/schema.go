package journal

import (
	"context"
	"crypto/rand"
	"database/sql"
	_ "embed"
	"encoding/hex"
	"fmt"
	"time"
)

// applicationID marks a SQLite file as a journal of pricefetch (PRAGMA application_id): "PFjr".
const applicationID = 0x50466a72

var (
	//go:embed schema.sql
	schemaV1 string
	//go:embed schema_v2.sql
	schemaV2 string
)

// migrations returns the scripts in order; script N makes version N+1 out of version N.
func migrations() []string { return []string{schemaV1, schemaV2} }

// migrate brings the database to the last version, one transaction a version. Before the first change to a
// journal that holds something it is copied: see keepCopy.
func migrate(ctx context.Context, db *sql.DB, path string, scripts []string, now time.Time) error {
	version, err := pragma(ctx, db, "user_version")
	if err != nil {
		return err
	}
	if version > 0 && version < len(scripts) {
		if err := keepCopy(ctx, db, path, len(scripts), now); err != nil {
			return err
		}
	}
	for ; version < len(scripts); version++ {
		if err := apply(ctx, db, scripts[version], version+1, now); err != nil {
			return fmt.Errorf("migrate to version %d: %w", version+1, err)
		}
	}
	return nil
}

// apply runs one script and notes its version in the same transaction; the first also gives the journal its id.
func apply(ctx context.Context, db *sql.DB, script string, version int, now time.Time) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, script); err != nil {
		return err
	}
	if version == 1 {
		if err := christen(ctx, tx, now); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", version)); err != nil {
		return err
	}
	return tx.Commit()
}

// christen gives a new journal its application id and the id that names its staging directory.
func christen(ctx context.Context, tx *sql.Tx, now time.Time) error {
	var id [8]byte
	if _, err := rand.Read(id[:]); err != nil {
		return fmt.Errorf("make journal id: %w", err)
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d", applicationID)); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, "INSERT INTO meta (key, value) VALUES ('id', ?), ('created', ?), ("+newKey+", 'yes')",
		hex.EncodeToString(id[:]), now.UTC().Format(time.RFC3339))
	return err
}

func pragma(ctx context.Context, db *sql.DB, name string) (int, error) {
	var n int
	if err := db.QueryRowContext(ctx, "PRAGMA "+name).Scan(&n); err != nil {
		return 0, fmt.Errorf("read %s: %w", name, err)
	}
	return n, nil
}
