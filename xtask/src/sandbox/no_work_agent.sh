#!/bin/sh
# An agent that does no work: each role leaves the smallest document its gate accepts.
set -eu
case $ORCH_ROLE in
analyst) printf '# Requirements\n' > "$ORCH_DOCS_DIR/01-brd.md" ;;
architect) mkdir -p "$ORCH_DOCS_DIR/06-adr" && printf '# Decision\n' > "$ORCH_DOCS_DIR/06-adr/ADR-001-none.md" ;;
developer) printf 'no work %s\n' "$ORCH_TASK_ID" >> work.txt ;;
reviewer) printf -- '---\nverdict: APPROVED\n---\n' > "$ORCH_DOCS_DIR/12-review.md" ;;
tester) printf -- '---\nresult: PASS\n---\n' > "$ORCH_DOCS_DIR/13-test-report.md" ;;
esac
