//! Subqueries: plain SELECTs from tables that the connection lets policies read.

use std::sync::LazyLock;

use sqlparser::ast::{
    Distinct, Expr, GroupByExpr, Ident, JoinConstraint, JoinOperator, LimitClause, ObjectName,
    OrderByExpr, OrderByKind, OrderBySort, Query, Select, SelectItem, SetExpr, Spanned,
    TableFactor, TableWithJoins, WildcardAdditionalOptions,
};

use super::walk::Walk;
use super::{parse_one, place};
use crate::model::{Engine, ROW, Reason, Refusal, TableName};

/// A subquery that carries nothing but what the walk visits: whatever this parser learns later
/// stays refused until someone allows it.
static BARE: LazyLock<Query> = LazyLock::new(|| {
    let Ok(Expr::Subquery(query)) = parse_one("(SELECT 1)", Engine::Sqlite) else {
        unreachable!("the parser reads a constant")
    };
    *query
});

/// Without an operator of someone's own, and without making up rows.
fn is_plain(order: &OrderByExpr) -> bool {
    order.with_fill.is_none() && !matches!(order.options.sort, Some(OrderBySort::Using(_)))
}

impl Walk<'_> {
    pub(super) fn query(&mut self, query: &Query) -> Result<(), Refusal> {
        let mut rest = query.clone();
        rest.order_by = None;
        rest.limit_clause = None;
        rest.body = BARE.body.clone();
        let SetExpr::Select(select) = &*query.body else {
            return Err(self.refuse(
                query.span(),
                "only a plain SELECT may stand in a subquery",
                "write (select ... from ... where ...)",
            ));
        };
        if rest != *BARE {
            return Err(self.refuse(
                query.span(),
                &format!("`{query}` has clauses that are not allowed"),
                "write (select ... from ... where ... order by ... limit ...)",
            ));
        }
        self.scopes.push(Vec::new());
        self.select(select)?;
        if let Some(order) = &query.order_by {
            match &order.kind {
                OrderByKind::Expressions(exprs)
                    if order.interpolate.is_none() && exprs.iter().all(is_plain) =>
                {
                    self.exprs(exprs.iter().map(|order| &order.expr))?;
                }
                _ => {
                    return Err(self.refuse(
                        order.span(),
                        "this ORDER BY is not allowed",
                        "order by columns",
                    ));
                }
            }
        }
        match &query.limit_clause {
            None => {}
            Some(LimitClause::LimitOffset { limit, offset, limit_by }) if limit_by.is_empty() => {
                self.exprs(limit)?;
                self.exprs(offset.as_ref().map(|offset| &offset.value))?;
            }
            Some(_) => {
                return Err(self.refuse(
                    query.span(),
                    "this LIMIT is not allowed",
                    "write limit 1",
                ));
            }
        }
        self.scopes.pop();
        Ok(())
    }

    fn select(&mut self, select: &Select) -> Result<(), Refusal> {
        let SetExpr::Select(bare) = &*BARE.body else { unreachable!("the constant is a SELECT") };
        let mut rest = select.clone();
        // DISTINCT ON would bring expressions of its own along.
        if !matches!(rest.distinct, Some(Distinct::On(_))) {
            rest.distinct = None;
        }
        rest.projection = bare.projection.clone();
        rest.from = Vec::new();
        rest.selection = None;
        rest.group_by = bare.group_by.clone();
        rest.having = None;
        if rest != **bare {
            return Err(self.refuse(
                select.span(),
                &format!("`{select}` has clauses that are not allowed"),
                "write (select ... from ... where ...)",
            ));
        }
        for TableWithJoins { relation, joins } in &select.from {
            self.table(relation)?;
            for join in joins {
                self.table(&join.relation)?;
                let on = match &join.join_operator {
                    JoinOperator::Join(on)
                    | JoinOperator::Inner(on)
                    | JoinOperator::Left(on)
                    | JoinOperator::LeftOuter(on)
                    | JoinOperator::CrossJoin(on) => on,
                    _ => {
                        return Err(self.refuse(
                            join.relation.span(),
                            "this kind of join is not allowed",
                            "use JOIN or LEFT JOIN with ON",
                        ));
                    }
                };
                match on {
                    JoinConstraint::On(expr) => self.expr(expr)?,
                    JoinConstraint::None => {}
                    // USING and NATURAL compare columns that nobody wrote qualified.
                    _ => {
                        return Err(self.refuse(
                            join.relation.span(),
                            "USING and NATURAL are not allowed",
                            "write ON with qualified columns",
                        ));
                    }
                }
            }
        }
        for item in &select.projection {
            match item {
                SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, alias: _ } => {
                    self.expr(expr)?;
                }
                SelectItem::Wildcard(options)
                    if *options == WildcardAdditionalOptions::default() => {}
                other => {
                    return Err(self.refuse(
                        select.span(),
                        &format!("`{other}` is not allowed"),
                        "select columns by name",
                    ));
                }
            }
        }
        match &select.group_by {
            GroupByExpr::Expressions(exprs, modifiers) if modifiers.is_empty() => {
                self.exprs(exprs)?;
            }
            _ => {
                return Err(self.refuse(
                    select.span(),
                    "this GROUP BY is not allowed",
                    "group by columns",
                ));
            }
        }
        self.exprs(&select.selection)?;
        self.exprs(&select.having)
    }

    fn table(&mut self, factor: &TableFactor) -> Result<(), Refusal> {
        let TableFactor::Table {
            name,
            alias,
            args: None,
            with_hints,
            version: None,
            with_ordinality: false,
            partitions,
            json_path: None,
            sample: None,
            index_hints,
        } = factor
        else {
            return Err(self.refuse(
                factor.span(),
                &format!("`{factor}` is not allowed in FROM"),
                "name tables of the database",
            ));
        };
        if !with_hints.is_empty() || !partitions.is_empty() || !index_hints.is_empty() {
            return Err(self.refuse(name.span(), "hints are not allowed", "name the table alone"));
        }
        let table = self.table_name(name)?;
        let own = self.context.own;
        let shown = match alias {
            Some(alias) if alias.columns.is_empty() && alias.at.is_none() => {
                self.folded(&alias.name)
            }
            Some(_) => {
                return Err(self.refuse(
                    name.span(),
                    "column aliases are not allowed",
                    "alias the table alone",
                ));
            }
            None => table.name.clone(),
        };
        let folded = match self.engine() {
            Engine::Sqlite => shown.to_ascii_lowercase(),
            Engine::Postgres => shown.clone(),
        };
        // Inside, the name would mean the subquery's row; outside, the judged one: a condition
        // meant for one of them would silently be asked of the other.
        if self.names(&folded, &own.name) {
            let what = format!("`{shown}` would hide the target's own row");
            return Err(self.refuse(
                name.span(),
                &what,
                &format!("give it an alias: {table} as other"),
            ));
        }
        if folded.starts_with(ROW) || folded.starts_with("ro_") {
            return Err(self.refuse(
                name.span(),
                "aliases that begin with ro_ are reserved",
                "choose another alias",
            ));
        }
        // It would cut the name, and two that begin alike would be one.
        if self.engine() == Engine::Postgres && shown.len() > 63 {
            return Err(self.refuse(
                name.span(),
                "PostgreSQL's names have no more than 63 bytes",
                "choose a shorter alias",
            ));
        }
        if self.scopes.iter().any(|scope| scope.contains(&folded)) {
            return Err(self.refuse(
                name.span(),
                &format!("`{shown}` names two tables"),
                "give each its own alias",
            ));
        }
        if !self.context.ceiling.may_read(&table) {
            return Err(Refusal::new(
                self.context.field,
                Reason::NotAllowed,
                format!(
                    "at {}: the connection's allow does not let policies read {table}",
                    place(name.span())
                ),
                format!(
                    "add to the connection's spec.allow: {{tables: [\"{table}\"], actions: [Read]}}"
                ),
            ));
        }
        self.tables.insert(table);
        if let Some(scope) = self.scopes.last_mut() {
            scope.push(folded);
        }
        Ok(())
    }

    /// A table's part as `allow` and the catalog spell it: SQLite's stand there as they were written.
    fn spelled(&self, ident: &Ident) -> String {
        match self.engine() {
            Engine::Sqlite => ident.value.clone(),
            Engine::Postgres => self.folded(ident),
        }
    }

    fn table_name(&self, name: &ObjectName) -> Result<TableName, Refusal> {
        let parts: Vec<&Ident> = name.0.iter().filter_map(|part| part.as_ident()).collect();
        match parts[..] {
            [table] => Ok(TableName::plain(self.spelled(table))),
            [schema, table] => Ok(TableName::qualified(self.spelled(schema), self.spelled(table))),
            _ => Err(self.refuse(
                name.span(),
                &format!("`{name}` is no table's name"),
                "write table or schema.table",
            )),
        }
    }
}
