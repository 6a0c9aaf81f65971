//! Operators that somebody made where those of an extension are looked for.

use super::alone;
use crate::sql::statement::Statement;

/// Operators in schemas of the search path that no extension brought along. One that fits better
/// than PostgreSQL's own would be taken in its place, here too: so each is named in full. What a server
/// comes with has an oid below 16384, and is not looked through.
const STRANGERS: &str = "FROM pg_catalog.pg_operator o \
     JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) o.oprnamespace \
     WHERE o.oid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid \
     AND n.nspname OPERATOR(pg_catalog.=) ANY (pg_catalog.current_schemas(false)) \
     AND n.nspname OPERATOR(pg_catalog.<>) 'pg_catalog'::pg_catalog.name \
     AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d \
      WHERE d.classid OPERATOR(pg_catalog.=) \
       'pg_catalog.pg_operator'::pg_catalog.regclass::pg_catalog.oid \
      AND d.objid OPERATOR(pg_catalog.=) o.oid \
      AND d.deptype OPERATOR(pg_catalog.=) 'e'::pg_catalog.\"char\")";

/// Whether there is one.
pub(super) fn any() -> String {
    format!("EXISTS (SELECT 1 {STRANGERS})")
}

/// Schema, name, and types of the operands (NULL: none) of operators that somebody made beside an
/// extension's, as SQL writes them.
pub fn strange_operators() -> Statement {
    let kind = |oid: &str| {
        format!(
            "(SELECT pg_catalog.quote_ident(tn.nspname) OPERATOR(pg_catalog.||) '.' \
             OPERATOR(pg_catalog.||) pg_catalog.quote_ident(t.typname) \
             FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace tn \
             ON tn.oid OPERATOR(pg_catalog.=) t.typnamespace WHERE t.oid OPERATOR(pg_catalog.=) {oid})"
        )
    };
    alone(format!(
        "SELECT pg_catalog.quote_ident(n.nspname), o.oprname::pg_catalog.text, {}, {} {STRANGERS} \
         ORDER BY o.oid",
        kind("o.oprleft"),
        kind("o.oprright")
    ))
}
