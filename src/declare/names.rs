//! Names in manifests, and the ceiling that a connection puts over its policies.

use crate::api::{AllowRule, AllowedAction};
use crate::model::{Engine, Reason, Refusal, TableName};

/// Reads `table` or `schema.table`; a part that itself contains a dot is double-quoted.
pub fn parse_table(text: &str, field: &str) -> Result<TableName, Refusal> {
    let bad = |what: &str| {
        let message = format!("`{text}` {what}");
        Refusal::new(
            field,
            Reason::InvalidValue,
            message,
            "write table or schema.table, spelled as the catalog has it, without SQL quotes; quote only a part that contains a dot",
        )
    };
    let mut parts: Vec<String> = Vec::new();
    let mut rest = text;
    loop {
        if let Some(quoted) = rest.strip_prefix('"')
            && let Some((part, after)) = split_quoted(quoted)
        {
            parts.push(part);
            rest = after;
        } else {
            let end = rest.find('.').unwrap_or(rest.len());
            parts.push(rest[..end].to_owned());
            rest = &rest[end..];
        }
        match rest.strip_prefix('.') {
            Some(after) => rest = after,
            None if rest.is_empty() => break,
            None => return Err(bad("has something after a quoted part")),
        }
    }
    if parts.iter().any(String::is_empty) {
        return Err(bad("has an empty part"));
    }
    match <[String; 2]>::try_from(parts) {
        Ok([schema, name]) => Ok(TableName::qualified(schema, name)),
        Err(mut parts) if parts.len() == 1 => Ok(TableName::plain(parts.remove(0))),
        Err(_) => Err(bad("has more than two parts")),
    }
}

/// The quoted part and what follows it; `None` when the quote does not close, so that a name which
/// merely begins with a quote is taken as it stands.
fn split_quoted(text: &str) -> Option<(String, &str)> {
    let mut part = String::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, char)) = chars.next() {
        if char != '"' {
            part.push(char);
        } else if matches!(chars.peek(), Some((_, '"'))) {
            part.push('"');
            chars.next();
        } else {
            return Some((part, &text[at + 1..]));
        }
    }
    None
}

/// What a connection's `allow` lets policies do. Additive; what no rule names is refused.
#[derive(Debug, Clone)]
pub struct Ceiling {
    rules: Vec<(TableName, Vec<AllowedAction>)>,
    pub engine: Engine,
}

impl Ceiling {
    pub fn parse(rules: &[AllowRule], engine: Engine) -> Result<Self, Vec<Refusal>> {
        let mut parsed = Vec::new();
        let mut refusals = Vec::new();
        for (at, rule) in rules.iter().enumerate() {
            let field = format!("spec.allow[{at}]");
            if !rule.files.is_empty() {
                refusals.push(Refusal::new(
                    format!("{field}.files"),
                    Reason::NotSupported,
                    "files are not supported yet",
                    "remove the rule",
                ));
            } else if rule.tables.is_empty() {
                refusals.push(Refusal::new(
                    format!("{field}.tables"),
                    Reason::Required,
                    "a rule names tables",
                    "write tables: [\"NAME\"]",
                ));
            }
            if rule.actions.is_empty() {
                refusals.push(Refusal::new(
                    format!("{field}.actions"),
                    Reason::Required,
                    "a rule without actions allows nothing",
                    "write actions: [Read], [Delete] or [Update]",
                ));
            }
            for (place, pattern) in rule.tables.iter().enumerate() {
                match parse_table(pattern, &format!("{field}.tables[{place}]")) {
                    Ok(name) => parsed.push((name, rule.actions.clone())),
                    Err(refusal) => refusals.push(refusal),
                }
            }
        }
        if rules.is_empty() {
            refusals.push(Refusal::new(
                "spec.allow",
                Reason::Required,
                "the connection allows nothing: every policy on it would be refused",
                "write allow: [{tables: [\"NAME\"], actions: [Delete]}]",
            ));
        }
        if refusals.is_empty() { Ok(Self { rules: parsed, engine }) } else { Err(refusals) }
    }

    /// Update and Delete imply Read.
    pub fn may_read(&self, table: &TableName) -> bool {
        [AllowedAction::Read, AllowedAction::Update, AllowedAction::Delete]
            .iter()
            .any(|action| self.may(*action, table))
    }

    pub fn may(&self, action: AllowedAction, table: &TableName) -> bool {
        let table = table.or_schema(self.engine.schema());
        self.rules.iter().any(|(pattern, actions)| {
            actions.contains(&action) && matches(pattern, &table, self.engine.schema())
        })
    }
}

/// `*` alone is every table; otherwise a pattern without a schema means the engine's own.
fn matches(pattern: &TableName, table: &TableName, schema: &str) -> bool {
    if pattern.schema.is_none() && pattern.name == "*" {
        return true;
    }
    let pattern = pattern.or_schema(schema);
    let schemas = (pattern.schema.as_deref(), table.schema.as_deref());
    matches!(schemas, (Some(pattern), Some(name)) if glob(pattern, name))
        && glob(&pattern.name, &table.name)
}

/// `*` stands for any characters, also none.
fn glob(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.len() >= last.len() && rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> TableName {
        parse_table(text, "spec.table").expect("a table's name")
    }

    #[test]
    fn names_are_split_at_dots_outside_of_quotes() {
        assert_eq!(table("chats"), TableName::plain("chats"));
        assert_eq!(table("public.chats"), TableName::qualified("public", "chats"));
        assert_eq!(table("\"a.b\".\"c.\"\"d\""), TableName::qualified("a.b", "c.\"d"));
        assert_eq!(table("say \"hi\""), TableName::plain("say \"hi\""));
        for bad in ["", ".", "a.", "a.b.c", "\"a\"b"] {
            assert!(parse_table(bad, "spec.table").is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_no_rule_names_is_not_allowed() {
        let rule = |tables: &[&str], actions: &[AllowedAction]| AllowRule {
            tables: tables.iter().map(|table| (*table).to_owned()).collect(),
            actions: actions.to_vec(),
            ..AllowRule::default()
        };
        let rules = [
            rule(&["chat*", "main.log"], &[AllowedAction::Delete]),
            rule(&["orgs"], &[AllowedAction::Read]),
        ];
        let ceiling = Ceiling::parse(&rules, Engine::Sqlite).expect("a ceiling");
        assert!(ceiling.may(AllowedAction::Delete, &table("chats")));
        assert!(ceiling.may(AllowedAction::Delete, &table("main.chats")));
        assert!(ceiling.may(AllowedAction::Delete, &table("log")));
        assert!(ceiling.may_read(&table("chats")));
        assert!(!ceiling.may(AllowedAction::Update, &table("chats")));
        assert!(!ceiling.may(AllowedAction::Delete, &table("other.chats")));
        assert!(!ceiling.may(AllowedAction::Delete, &table("orgs")));
        assert!(ceiling.may_read(&table("orgs")));
        assert!(!ceiling.may_read(&table("org")));
    }

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, name, matches) in [
            ("*", "a", true),
            ("a*", "a", true),
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("a*a", "a", false),
            ("*b*", "abc", true),
            ("*b*c", "abcb", false),
            ("abc", "abcd", false),
        ] {
            assert_eq!(glob(pattern, name), matches, "{pattern} {name}");
        }
    }
}
