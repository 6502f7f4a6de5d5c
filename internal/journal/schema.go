package journal

import (
	"context"
	"crypto/rand"
	"database/sql"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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
// journal that holds something it is copied to PATH.before-vN.
func migrate(ctx context.Context, db *sql.DB, path string, scripts []string, now time.Time) error {
	version, err := pragma(ctx, db, "user_version")
	if err != nil {
		return err
	}
	if version > 0 && version < len(scripts) {
		if err := copyTo(ctx, db, fmt.Sprintf("%s.before-v%d", path, len(scripts))); err != nil {
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
	_, err := tx.ExecContext(ctx, "INSERT INTO meta (key, value) VALUES ('id', ?), ('created', ?)",
		hex.EncodeToString(id[:]), now.UTC().Format(time.RFC3339))
	return err
}

// copyTo writes a consistent, synced copy of the database. A copy that a crash left half made is replaced.
func copyTo(ctx context.Context, db *sql.DB, target string) error {
	if err := os.Remove(target); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("copy journal: %w", err)
	}
	// SQLite takes an empty file for its target, and keeps its mode; of its own accord it lets every user read it.
	if err := create(target); err != nil {
		return fmt.Errorf("copy journal: %w", err)
	}
	if _, err := db.ExecContext(ctx, "VACUUM INTO ?", target); err != nil {
		return fmt.Errorf("copy journal to %s: %w", target, err)
	}
	if err := syncPath(target); err != nil {
		return err
	}
	return syncPath(filepath.Dir(target))
}

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("sync journal: %w", err)
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync journal: %w", err)
	}
	return nil
}

func pragma(ctx context.Context, db *sql.DB, name string) (int, error) {
	var n int
	if err := db.QueryRowContext(ctx, "PRAGMA "+name).Scan(&n); err != nil {
		return 0, fmt.Errorf("read %s: %w", name, err)
	}
	return n, nil
}
