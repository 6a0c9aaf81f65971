//! Columns that hold instants: ages, and what the newest is told by.

use jiff::tz::TimeZone;

use super::{Resolver, rights};
use crate::declare::{self, EncodingWord};
use crate::model::{Age, Encoding, Engine, KeepNewest, OrderColumn, Reason, Scalar};

impl Resolver<'_> {
    pub(super) fn age(&mut self, age: &declare::Age) -> Option<Age> {
        let scalar = self.scalar(&age.value, ".age")?;
        let declared_type = match &scalar {
            Scalar::Column(column) => {
                self.table.column(column).map(|column| column.declared.clone())
            }
            Scalar::Expression(expression) => {
                let unseen = rights::to_read(&expression.tables, self.declared, self.catalog);
                if !unseen.is_empty() {
                    self.refusals.extend(unseen);
                    return None;
                }
                self.seen.age_type.clone()
            }
        };
        let encoding =
            self.encoding(age.encoding, age.zone.as_ref(), declared_type.as_deref(), ".age")?;
        Some(Age { scalar, encoding })
    }

    /// What the column's type does not say must be written. A number's unit is never guessed:
    /// milliseconds taken for seconds would keep everything, seconds taken for milliseconds would
    /// delete everything.
    fn encoding(
        &mut self,
        written: Option<EncodingWord>,
        zone: Option<&TimeZone>,
        declared: Option<&str>,
        part: &str,
    ) -> Option<Encoding> {
        if self.table.engine == Engine::Postgres {
            return self.typed_encoding(written, zone, declared.unwrap_or_default(), part);
        }
        let texts = ["TEXT", "CHAR", "CLOB", "DATE", "TIME"];
        let is_text =
            declared.is_some_and(|declared| texts.iter().any(|text| declared.contains(text)));
        let encoding = match written {
            Some(encoding) => encoding,
            None if is_text => EncodingWord::Text,
            None => {
                let what = match declared {
                    Some("") => "the column has no declared type, which does not say how it holds an instant".to_owned(),
                    Some(declared) => format!("the type {declared} does not say how it holds an instant"),
                    None => "an expression does not say how it holds an instant".to_owned(),
                };
                self.refuse(
                    &format!("{part}.encoding"),
                    Reason::Required,
                    what,
                    "write encoding: Text, UnixSeconds or UnixMillis",
                );
                return None;
            }
        };
        match (encoding, zone) {
            (EncodingWord::UnixSeconds, _) => Some(Encoding::UnixSeconds),
            (EncodingWord::UnixMillis, _) => Some(Encoding::UnixMillis),
            (EncodingWord::Text, Some(zone)) => Some(Encoding::Text { zone: zone.clone() }),
            (EncodingWord::Text, None) => {
                self.refuse(&format!("{part}.timeZone"), Reason::Required, "a text without an offset does not say in which zone it was written", "write timeZone: Etc/UTC (SQLite's CURRENT_TIMESTAMP is UTC), or the zone of the application's clock");
                None
            }
        }
    }

    /// In PostgreSQL a type that is an instant says so; a civil time wants its zone, and a number
    /// its unit.
    fn typed_encoding(
        &mut self,
        written: Option<EncodingWord>,
        zone: Option<&TimeZone>,
        declared: &str,
        part: &str,
    ) -> Option<Encoding> {
        let is_number = ["int2", "int4", "int8", "numeric", "float4", "float8"].contains(&declared);
        let is_text = ["text", "varchar", "bpchar", "citext"].contains(&declared);
        let is_typed = ["timestamptz", "timestamp", "date"].contains(&declared);
        if !is_number && !is_text && !is_typed {
            self.refuse(part, Reason::TypeMismatch, format!("a value of type {declared} is no instant"), "name a column of type timestamptz, timestamp, date, or a number or text with its encoding");
            return None;
        }
        let fits = match written {
            None => !is_number,
            Some(EncodingWord::Text) => is_text,
            Some(EncodingWord::UnixSeconds | EncodingWord::UnixMillis) => is_number,
        };
        if !fits {
            let (reason, what, write) = match (written, is_typed) {
                (None, _) => (
                    Reason::Required,
                    format!("the type {declared} does not say how it holds an instant"),
                    "write encoding: UnixSeconds or UnixMillis",
                ),
                (Some(_), true) => (
                    Reason::Conflict,
                    format!("the type {declared} says itself how it holds an instant"),
                    "remove encoding",
                ),
                (Some(word), false) => (
                    Reason::TypeMismatch,
                    format!("a value of type {declared} does not hold an instant as {word:?}"),
                    if is_text {
                        "write encoding: Text"
                    } else {
                        "write encoding: UnixSeconds or UnixMillis"
                    },
                ),
            };
            self.refuse(&format!("{part}.encoding"), reason, what, write);
            return None;
        }
        if declared == "timestamptz" && zone.is_some() {
            self.refuse(
                &format!("{part}.timeZone"),
                Reason::Conflict,
                "a timestamptz is an instant, whatever the zone",
                "remove timeZone",
            );
            return None;
        }
        if is_number && zone.is_some() {
            self.refuse(
                &format!("{part}.timeZone"),
                Reason::Conflict,
                "an epoch has no time zone",
                "remove timeZone",
            );
            return None;
        }
        match (written, declared, zone.cloned()) {
            (Some(EncodingWord::UnixSeconds), ..) => Some(Encoding::UnixSeconds),
            (Some(EncodingWord::UnixMillis), ..) => Some(Encoding::UnixMillis),
            (_, "timestamptz", _) => Some(Encoding::Instant),
            (_, "timestamp", Some(zone)) => Some(Encoding::Civil { zone }),
            (_, "date", Some(zone)) => Some(Encoding::Date { zone }),
            (_, _, Some(zone)) => Some(Encoding::Text { zone }),
            (_, _, None) => {
                self.refuse(
                    &format!("{part}.timeZone"),
                    Reason::Required,
                    format!("a value of type {declared} does not say in which zone it was written"),
                    "write timeZone: Etc/UTC, or the zone of the application's clock",
                );
                None
            }
        }
    }

    pub(super) fn keep_newest(
        &mut self,
        keep: &declare::KeepNewest,
        age: Option<&Age>,
    ) -> Option<KeepNewest> {
        let before = self.refusals.len();
        let mut partition_by = Vec::new();
        for name in &keep.partition_by {
            partition_by.extend(self.column(self.table, name, ".keepNewest.partitionBy"));
        }
        let mut order_by = Vec::new();
        for (at, name) in keep.order_by.iter().enumerate() {
            let Some(column) = self.column(self.table, name, ".keepNewest.orderBy") else {
                continue;
            };
            let is_age =
                matches!(age.map(|age| &age.scalar), Some(Scalar::Column(aged)) if *aged == column);
            let encoding = match (at, keep.encoding) {
                (0, Some(written)) => {
                    self.encoding(Some(written), keep.zone.as_ref(), None, ".keepNewest")
                }
                // A type of the database sorts by itself.
                _ if is_age => age.map(|age| age.encoding.clone()).filter(Encoding::is_ours),
                _ => None,
            };
            order_by.push(OrderColumn { column, encoding });
        }
        if keep.zone.is_some() && keep.encoding.is_none() {
            self.refuse(
                ".keepNewest.timeZone",
                Reason::Conflict,
                "a zone without an encoding says nothing",
                "write encoding: Text too, or remove timeZone",
            );
        }
        (self.refusals.len() == before).then_some(KeepNewest {
            rows: keep.rows,
            partition_by,
            order_by,
        })
    }
}
