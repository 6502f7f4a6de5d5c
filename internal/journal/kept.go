package journal

import (
	"context"
)

// Kept returns the names below held/ that records still need; any other may be swept.
func (j *Journal) Kept(ctx context.Context) ([]string, error) {
	out, err := collect(ctx, j.r, func(s scanner) (name string, err error) {
		err = s.Scan(&name)
		return name, err
	}, "SELECT kept FROM record INDEXED BY record_kept WHERE kept <> '' ORDER BY id")
	return out, j.classed("read kept messages", err)
}
