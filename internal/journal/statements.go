package journal

import (
	"context"
	"database/sql"
	"sync"
)

// maxPrepared bounds the queries that are kept prepared. Ours are about a hundred; a filter that makes more of them is
// no reason to grow.
const maxPrepared = 256

// prepared is a database that keeps what was asked of it prepared: SQLite takes longer to compile our statements than to
// carry them out.
type prepared struct {
	*sql.DB
	mu    sync.Mutex
	ready map[string]*sql.Stmt
}

func newPrepared(db *sql.DB) *prepared { return &prepared{DB: db, ready: map[string]*sql.Stmt{}} }

// statement returns the query prepared; nil if it is not.
func (p *prepared) statement(query string) *sql.Stmt {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ready[query]
}

// prepare has the query ready from now on. Where that fails, whoever runs it gets the error.
func (p *prepared) prepare(ctx context.Context, query string) *sql.Stmt {
	p.mu.Lock()
	full := len(p.ready) >= maxPrepared
	p.mu.Unlock()
	if full {
		return nil
	}
	stmt, err := p.PrepareContext(ctx, query)
	if err != nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if other, ok := p.ready[query]; ok { // somebody was faster
		_ = stmt.Close()
		return other
	}
	p.ready[query] = stmt
	return stmt
}

func (p *prepared) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if stmt := p.any(ctx, query); stmt != nil {
		return stmt.QueryContext(ctx, args...)
	}
	return p.DB.QueryContext(ctx, query, args...)
}

func (p *prepared) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if stmt := p.any(ctx, query); stmt != nil {
		return stmt.QueryRowContext(ctx, args...)
	}
	return p.DB.QueryRowContext(ctx, query, args...)
}

func (p *prepared) any(ctx context.Context, query string) *sql.Stmt {
	if stmt := p.statement(query); stmt != nil {
		return stmt
	}
	return p.prepare(ctx, query)
}

// transaction runs its statements as db has them prepared. The one connection that writes is its own as long as it
// lasts, so that what is missing is prepared afterwards.
type transaction struct {
	*sql.Tx
	db      *prepared
	own     map[string]*sql.Stmt // nil: not prepared yet
	missing []string
}

// begin begins a transaction. The caller ends it.
func (p *prepared) begin(ctx context.Context) (*transaction, error) {
	tx, err := p.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	return &transaction{Tx: tx, db: p, own: map[string]*sql.Stmt{}}, nil
}

// end takes back what was not committed.
func (t *transaction) end(ctx context.Context) {
	_ = t.Rollback() // it says that the transaction was committed
	for _, query := range t.missing {
		t.db.prepare(ctx, query)
	}
}

func (t *transaction) statement(ctx context.Context, query string) *sql.Stmt {
	stmt, asked := t.own[query]
	if asked {
		return stmt
	}
	if ready := t.db.statement(query); ready != nil {
		stmt = t.StmtContext(ctx, ready)
	} else {
		t.missing = append(t.missing, query)
	}
	t.own[query] = stmt
	return stmt
}

func (t *transaction) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if stmt := t.statement(ctx, query); stmt != nil {
		return stmt.ExecContext(ctx, args...)
	}
	return t.Tx.ExecContext(ctx, query, args...)
}

func (t *transaction) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if stmt := t.statement(ctx, query); stmt != nil {
		return stmt.QueryContext(ctx, args...)
	}
	return t.Tx.QueryContext(ctx, query, args...)
}

func (t *transaction) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if stmt := t.statement(ctx, query); stmt != nil {
		return stmt.QueryRowContext(ctx, args...)
	}
	return t.Tx.QueryRowContext(ctx, query, args...)
}
